import AMQP
import PostgreSQL
import ServiceKit
import Storage

/// What went wrong, in words for a person, and the exit code for a script (sysexits.h).
struct Failure: Error, Encodable {
    let error: String
    let code: Int32

    static func data(_ text: String) -> Failure { Failure(error: text, code: 65) }
    static func noInput(_ text: String) -> Failure { Failure(error: text, code: 66) }
    static func notFound(_ text: String) -> Failure { Failure(error: text, code: 67) }
    static func notYet(_ text: String) -> Failure { Failure(error: text, code: 75) }
    static func settings(_ text: String) -> Failure { Failure(error: text, code: 78) }

    private init(error: String, code: Int32) {
        self.error = error
        self.code = code
    }

    init(_ error: any Error) {
        self =
            switch error {
            case let failure as Failure: failure
            case let error as SettingsError: Failure(error: "\(error)", code: 78)
            case let error as SettingsFileError: Failure(error: "\(error)", code: 78)
            case let error as PostgresError: Failure(postgres: error)
            case let error as AMQPError: Failure(error: "the broker: \(error)", code: 69)
            case let error as AccountStore.AdministrationError: Failure(administration: error)
            case let error as Migrator.MigrationError: Failure(error: "\(error)", code: 1)
            default: Failure(error: "\(error)", code: 1)
            }
    }

    private init(postgres error: PostgresError) {
        switch error.sqlState {
        case "42P01"?: self.init(error: "the database has no schema yet; run `martlet migrate`", code: 78)
        case "42501"?: self.init(error: "the database user may not do this; use the schema owner's URL", code: 77)
        case "28P01"?, "28000"?: self.init(error: "the database refused the login", code: 69)
        case let state?: self.init(error: "the database: \(error.detail)", code: state.hasPrefix("57") ? 69 : 1)
        case nil: self.init(error: "the database is not available: \(error.detail)", code: error.isTemporary ? 69 : 1)
        }
    }

    private init(administration error: AccountStore.AdministrationError) {
        switch error {
        case .notAnAddress(let text):
            self = .data("'\(printable(text))' is not an address (local@domain, without a tag)")
        case .notADomain(let text): self = .data("'\(printable(text))' is not a domain name")
        case .foreign(let domain):
            self = .data("\(printable(domain)) is not a domain of this server; add it with `martlet domain add`")
        case .exists(let address): self.init(error: "\(printable(address)) exists already", code: 73)
        case .notFound(let address): self = .notFound("\(printable(address)) does not exist")
        case .tooManyTargets(let address):
            self = .data(
                "\(printable(address)) would pass \(AccountStore.maximumAliasLevels) levels or "
                    + "\(AccountStore.maximumAliasTargets) targets")
        }
    }
}

/// Text from elsewhere as a terminal may show it.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 32 || (127...159).contains($0.value) ? "?" : $0 })
    )
}

/// Left-aligned columns, two blanks between them.
func table(_ header: [String], _ rows: [[String]]) -> String {
    let all = [header] + rows
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        let line = cells.joined(separator: "  ")
        return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
}
