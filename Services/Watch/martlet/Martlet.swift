// martlet: the operator's command. On no mail's path.
//
//   consumes   nothing
//   publishes  nothing; `topology --apply` declares exchanges and queues
//   stores     schema, domains, accounts, aliases, with the rights of the schema's owner
//   settings   MARTLET_POSTGRES_URL (the owner's), MARTLET_AMQP_URL, MARTLET_QUEUES_TYPE
//   limits     an import file has at most 64 MiB
import ArgumentParser
import ServiceKit

@main
struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Sets up and watches a Martlet mail server.",
        discussion: """
            Settings come from the environment: MARTLET_POSTGRES_URL (of the schema's owner), MARTLET_AMQP_URL,
            MARTLET_QUEUES_TYPE (classic or quorum), and from the YAML file that MARTLET_CONFIG names (its section
            `martlet`). NAME_FILE names a file that holds the value. `martlet config keys` lists all.

            Example:
              martlet migrate
              martlet domain add example.org
              martlet account add alice@example.org
              martlet status

            Exit codes: 0 done, 64 wrong usage, 65 wrong data (no address, foreign domain), 66 no such file,
            67 not found, 69 database or broker not available, 73 exists already, 75 not yet, 78 wrong settings,
            1 anything else; of the commands that check: something is wrong.
            """,
        version: "martlet \(Version.current)",
        subcommands: [
            Migrate.self, DomainCommand.self, AccountCommand.self, AliasCommand.self, AdminCommand.self, Trace.self,
            TopologyCommand.self, QueueCommand.self, TrainCommand.self, Status.self, Doctor.self, ConfigCommand.self,
            CompletionCommand.self,
        ])
}
