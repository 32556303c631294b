import ArgumentParser
import PostgreSQL
import Storage

struct Migrate: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Brings the database schema up to date.",
        discussion: """
            Runs each missing migration once, in order, each in a transaction. Safe to run at any time and by several.

            Example:
              MARTLET_POSTGRES_URL=postgresql://martlet_owner@localhost/martlet martlet migrate
            """)

    @Flag(name: .long, help: "Only show what is applied and what is missing.")
    var status = false

    @OptionGroup var output: OutputOptions

    private struct Result: Encodable {
        let applied: [String]
        let pending: [String]
    }

    func execute() async throws {
        let pool = try openPool()
        if status {
            let steps = try await pool.withConnection { try Migrator.status(on: $0) }
            let result = Result(
                applied: steps.filter(\.isApplied).map(\.name), pending: steps.filter { !$0.isApplied }.map(\.name))
            output.show(
                result,
                text: table(
                    ["migration", "state"],
                    steps.map {
                        [$0.name, $0.isChanged ? "applied, changed since" : $0.isApplied ? "applied" : "missing"]
                    }))
            return
        }
        let applied = try await pool.withConnection { try Migrator.run(on: $0) }
        output.show(
            Result(applied: applied, pending: []),
            text: applied.isEmpty ? "the schema is up to date" : "applied \(applied.joined(separator: ", "))")
    }
}
