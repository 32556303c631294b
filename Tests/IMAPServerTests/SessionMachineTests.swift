import IMAPGrammar
import IMAPServer
import MailCore
import Testing

struct SessionMachineTests {
    private func login() -> IMAPCommand { .login(IMAPLogin(user: Array("alice".utf8), password: Array("pw".utf8))) }

    private func loggedIn() -> SessionMachine {
        var machine = SessionMachine()
        machine.loggedIn(AccountID(1))
        return machine
    }

    /// A copy, because `#expect` takes no mutating call.
    private func admits(_ machine: SessionMachine, _ command: IMAPCommand, secure: Bool = true, startTLS: Bool = false)
        -> Bool
    {
        var machine = machine
        return machine.received(command, secure: secure, canStartTLS: startTLS) == .run
    }

    @Test func `before TLS no credentials are taken, and the answer is the same for all`() {
        var machine = SessionMachine()
        for command in [login(), .authenticate(IMAPAuthenticate(mechanism: "PLAIN", initialResponse: nil))] {
            let action = machine.received(command, secure: false, canStartTLS: true)
            #expect(action == .refuse(.no, .privacyRequired, "Start TLS first"))
        }
        #expect(admits(machine, login()))
    }

    @Test func `STARTTLS once, in clear text, before login`() {
        let machine = SessionMachine()
        #expect(admits(machine, .startTLS, secure: false, startTLS: true))
        #expect(!admits(machine, .startTLS, secure: true, startTLS: true))
        #expect(!admits(machine, .startTLS, secure: false))
        #expect(!admits(loggedIn(), .startTLS, secure: false, startTLS: true))
    }

    @Test func `a command needs its state`() {
        let fresh = SessionMachine()
        let authenticated = loggedIn()
        var selected = loggedIn()
        selected.selected()
        let inbox = MailboxName.inbox
        for command: IMAPCommand in [.capability, .noop, .logout, .id([])] {
            #expect(admits(fresh, command))
        }
        for command: IMAPCommand in [.select(IMAPSelect(mailbox: inbox)), .delete(inbox), .idle, .namespace] {
            #expect(!admits(fresh, command))
            #expect(admits(authenticated, command))
            #expect(admits(selected, command))
        }
        for command: IMAPCommand in [.close, .expunge, .check, .unselect] {
            #expect(!admits(fresh, command))
            #expect(!admits(authenticated, command))
            #expect(admits(selected, command))
        }
        #expect(!admits(selected, login()))
    }

    @Test func `the third failed login ends the session`() {
        var machine = SessionMachine()
        let answers = (0..<3).map { _ in machine.loginFailed() }
        #expect(answers == [.tryAgain, .tryAgain, .close])
    }

    @Test func `a peer that sends only nonsense is let go, one valid command forgives`() {
        var machine = SessionMachine()
        let limit = SessionMachine.maximumBadCommands
        let first = (1..<limit).map { _ in machine.receivedNonsense() }
        _ = machine.received(.noop, secure: false, canStartTLS: true)
        let second = (1...limit).map { _ in machine.receivedNonsense() }
        #expect(!first.contains(true) && second == Array(repeating: false, count: limit - 1) + [true])
    }

    @Test func `leaving a mailbox goes back to authenticated`() {
        var machine = loggedIn()
        machine.selected()
        #expect(machine.phase == .selected)
        machine.deselected()
        #expect(machine.phase == .authenticated)
    }
}
