import IMAPGrammar
import LineServer
import MailCore
import SASL
import ServiceKit
import Storage

extension IMAPSession {
    /// RFC 3501 6.2.3
    func login(_ login: IMAPLogin, _ connection: isolated LineConnection) async throws -> Completion {
        guard let credentials = Credentials(identity: login.user, password: login.password.reveal()) else {
            return try refuseLogin(connection)
        }
        return try await check(credentials, connection)
    }

    func check(_ credentials: Credentials, _ connection: isolated LineConnection) async throws -> Completion {
        switch await services.authenticate(credentials, connection.peerKey) {
        case .accepted(let login):
            machine.loggedIn(login.account)
            connection.identified(as: login.account, login.address)
        case .refused: return try refuseLogin(connection)
        case .throttled:
            _ = try refuseLogin(connection)
            note(.authenticationThrottled)
            return .no("Too many failed logins, try again later", code: .unavailable)
        case .unavailable: return .no("Storage is not available, try again", code: .unavailable)
        }
        framer.limits = .afterLogin(message: services.options.messageLimit)
        IMAPMetrics.logins.increment()
        connection.event(.state("authenticated"))
        return .ok("Logged in", code: .capability(capabilities(connection)))
    }

    /// The same words for a wrong password, an unknown name and a name that cannot be one.
    func refuseLogin(_ connection: isolated LineConnection) throws -> Completion {
        IMAPMetrics.failedLogins.increment()
        note(.authenticationFailed)
        if machine.loginFailed() == .close {
            connection.lingers = true
            out.untagged(.bye, "Too many failed logins")
            machine.loggedOut()
        }
        return .no("Authentication failed", code: .authenticationFailed)
    }
}
