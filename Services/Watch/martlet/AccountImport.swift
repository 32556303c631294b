import ArgumentParser
import MailCore
import SASL
import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct AccountImport: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Adds the accounts of a CSV file, all or none.",
        discussion: """
            Lines are address,password (RFC 4180). Without a password one is generated and printed once, as
            address,password. A field that begins with SCRAM-SHA-256$ is taken as the verifier itself.

            Example:
              martlet account import school.csv --skip-existing
              generate-list | martlet account import -
            """)

    @Argument(help: "The file, or - for standard input.")
    var file: String

    @Flag(name: .long, help: "Leave accounts that exist as they are, instead of refusing the file.")
    var skipExisting = false

    @OptionGroup var output: OutputOptions

    private struct Result: Encodable {
        struct Generated: Encodable {
            let address: String
            let password: String
        }
        let added: Int
        let skipped: Int
        let seconds: Double
        let generated: [Generated]
    }

    func execute() async throws {
        let started = ContinuousClock.now
        let rows = try AccountCSV.parse(read())
        try check(rows)
        let store = AccountStore(pool: try openPool())
        let existing = try await store.existing(rows.map(\.address))
        if let address = existing.min(), !skipExisting { throw AccountStore.AdministrationError.exists(address) }
        let fresh = rows.filter { !existing.contains($0.address.lowercased()) }
        let entries = await Self.hash(fresh)
        let accounts = entries.map { AccountStore.NewAccount(address: $0.address, verifier: $0.verifier) }
        let added = try await store.addAccounts(accounts, skipExisting: skipExisting)
        let there = Set(added)
        let generated = entries.compactMap { entry -> Result.Generated? in
            guard let password = entry.generated, there.contains(entry.address.lowercased()) else { return nil }
            return Result.Generated(address: entry.address.lowercased(), password: password.reveal())
        }
        let time = ContinuousClock.now - started
        let seconds =
            Double(time.components.seconds) + Double(time.components.attoseconds / 1_000_000_000_000_000) / 1000
        let result = Result(
            added: added.count, skipped: rows.count - added.count, seconds: seconds, generated: generated)
        let lines = generated.map { "\($0.address),\($0.password)" }
        output.show(
            result,
            text: (lines + ["added \(result.added), skipped \(result.skipped), in \(seconds) s"]).joined(
                separator: "\n"))
    }

    private func read() throws -> [UInt8] {
        if file == "-" {
            var text: [UInt8] = []
            while let line = readLine(strippingNewline: false), text.count <= AccountCSV.maximumSize {
                text.append(contentsOf: line.utf8)
            }
            return text
        }
        guard let data = try? Data(contentsOf: URL(filePath: file)) else {
            throw Failure.noInput("\(printable(file)) cannot be read")
        }
        return [UInt8](data)
    }

    /// Before the hashing, which is the slow part: what the store would refuse, with the line it stands in.
    private func check(_ rows: [AccountCSV.Row]) throws {
        guard !rows.isEmpty else { throw Failure.data("the file has no accounts") }
        var lines: [String: Int] = [:]
        for row in rows {
            guard let address = LocalAddress(row.address), address.isPlain, address.full == address.base else {
                throw Failure.data("line \(row.line): '\(printable(row.address))' is not an address without a tag")
            }
            if let first = lines.updateValue(row.line, forKey: address.full) {
                throw Failure.data("line \(row.line): \(printable(address.full)) is in line \(first) already")
            }
        }
    }

    // MARK: - Hashing

    private struct Entry: Sendable {
        let address: String
        let verifier: Secret<String>
        let generated: Secret<String>?
    }

    /// PBKDF2 takes one to two milliseconds for each account: in parallel, on all cores.
    private static func hash(_ rows: [AccountCSV.Row]) async -> [Entry] {
        await withTaskGroup(of: (Int, [Entry]).self) { group in
            for start in stride(from: 0, to: rows.count, by: 50) {
                let part = rows[start..<min(start + 50, rows.count)].map { ($0.address, Secret($0.password)) }
                group.addTask { (start, part.map { entry(address: $0.0, password: $0.1) }) }
            }
            let parts = await group.reduce(into: [(Int, [Entry])]()) { $0.append($1) }
            return parts.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }

    private static func entry(address: String, password: Secret<String>) -> Entry {
        let text = password.reveal()
        if ScramVerifier(text) != nil { return Entry(address: address, verifier: password, generated: nil) }
        let chosen = text.isEmpty ? ChosenPassword.generated().password : nil
        let verifier = ScramVerifier.make(password: chosen?.reveal() ?? text)
        return Entry(address: address, verifier: Secret(verifier), generated: chosen)
    }
}
