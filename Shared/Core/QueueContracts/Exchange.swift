/// The exchanges. Names are public interface: an operator reads them.
package enum Exchange: String, Sendable, CaseIterable {
    /// Hints that a mail has work at a stage.
    case mail = "martlet.mail"
    /// A mailbox changed, look again.
    case mailbox = "martlet.mailbox"
    /// A new model version is there.
    case model = "martlet.model"
    /// Telemetry and subscriptions to it.
    case watch = "martlet.watch"
    /// Notices of work that was given up for now.
    case parked = "martlet.parked"

    package enum Kind: String, Sendable { case topic, fanout }

    /// Topic exchanges are used with literal keys, so that topic permissions can hold each publisher to its own.
    package var type: Kind {
        switch self {
        case .mail, .watch, .parked: .topic
        case .mailbox, .model: .fanout
        }
    }

    /// As AMQP spells the type.
    package var kind: String { type.rawValue }
}

package enum RoutingKey {
    package static let mailAccepted = "mail.accepted"
    package static let mailClassified = "mail.classified"
    package static let relayRequested = "relay.requested"
    package static let learnRequested = "learn.requested"
    package static let mailboxChanged = "mailbox.changed"
    package static let modelPublished = "model.published"
    package static let parked = "mail.parked"
    /// Telemetry: a daemon's metrics and state, every few seconds: `daemon.<name>`.
    package static func daemon(_ name: String) -> String { "daemon.\(name)" }
    /// Somebody watches: daemons with sessions listen.
    package static let watchRequested = "watch.requested"
    /// Events of a daemon's sessions for whoever watches: `session.<name>`.
    package static func session(_ daemon: String) -> String { "session.\(daemon)" }
}
