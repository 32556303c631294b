import QueueContracts

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The JSON of `rabbitmqctl import_definitions` (and of `load_definitions` at the broker's start).
struct BrokerDefinitions: Encodable {
    let vhosts: [VHost]
    let users: [User]
    let permissions: [Permission]
    let topicPermissions: [TopicPermission]
    let exchanges: [ExchangeDefinition]
    let queues: [QueueDefinition]
    let bindings: [Binding]

    struct VHost: Encodable { let name: String }

    struct User: Encodable {
        let name: String
        let password: String
        let tags: String
    }

    struct Permission: Encodable { let user, vhost, configure, write, read: String }

    struct TopicPermission: Encodable { let user, vhost, exchange, write, read: String }

    struct ExchangeDefinition: Encodable {
        let name, vhost, type: String
        var durable = true
        var autoDelete = false
        var `internal` = false
        var arguments: [String: Int] = [:]
    }

    struct QueueDefinition: Encodable {
        let name, vhost: String
        var durable = true
        var autoDelete = false
        let arguments: [String: Argument]
    }

    struct Binding: Encodable {
        let source, vhost, destination: String
        var destinationType = "queue"
        let routingKey: String
        var arguments: [String: Int] = [:]
    }

    enum Argument: Encodable {
        case integer(Int64)
        case text(String)
        case flag(Bool)

        init(_ argument: QueueArgument) {
            self =
                switch argument {
                case .integer(let number): .integer(number)
                case .text(let text): .text(text)
                case .flag(let isSet): .flag(isSet)
                }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .integer(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .flag(let isSet): try container.encode(isSet)
            }
        }
    }

    init(queueType: QueueType, vhost: String, passwords: [String: String]) {
        let present = BrokerUser.allCases.filter { passwords[$0.name] != nil }
        vhosts = [VHost(name: vhost)]
        users = present.map { user in
            User(name: user.name, password: passwords[user.name] ?? "", tags: user == .admin ? "administrator" : "")
        }
        permissions = present.map {
            Permission(user: $0.name, vhost: vhost, configure: $0.configure, write: $0.write, read: $0.read)
        }
        topicPermissions = present.filter { $0 != .admin }.flatMap { user in
            Exchange.allCases.filter { $0.type == .topic }.map { exchange in
                TopicPermission(
                    user: user.name, vhost: vhost, exchange: exchange.rawValue, write: user.writeKeys(on: exchange),
                    read: user.readKeys(on: exchange))
            }
        }
        exchanges = Exchange.allCases.map { ExchangeDefinition(name: $0.rawValue, vhost: vhost, type: $0.kind) }
        queues = Queue.allCases.map { queue in
            let arguments = queueType.arguments(of: queue).map { ($0.key, Argument($0.value)) }
            return QueueDefinition(
                name: queueType.name(of: queue), vhost: vhost,
                arguments: Dictionary(arguments, uniquingKeysWith: { $1 }))
        }
        bindings = Queue.allCases.map {
            Binding(
                source: $0.exchange.rawValue, vhost: vhost, destination: queueType.name(of: $0),
                routingKey: $0.routingKey)
        }
    }

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        // Texts, numbers and lists of them always encode.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
