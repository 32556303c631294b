import ArgumentParser
import MailCore
import ServiceKit

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct ChosenPassword {
    let password: Secret<String>
    let isGenerated: Bool
}

/// Where a password comes from. Never from the command line: `ps` and the shell's history would show it.
struct PasswordOptions: ParsableArguments {
    @Flag(name: .long, help: "Read the password from the first line of standard input.")
    var passwordStdin = false

    @Flag(name: .long, help: "Ask for the password on the terminal, twice.")
    var prompt = false

    func validate() throws {
        if passwordStdin && prompt { throw ValidationError("--password-stdin and --prompt exclude each other.") }
    }

    func read(for address: String) throws -> ChosenPassword {
        if passwordStdin {
            guard let line = readLine(), !line.isEmpty else { throw Failure.data("standard input has no password") }
            return ChosenPassword(password: Secret(line), isGenerated: false)
        }
        if prompt {
            let first = try ask("Password for \(printable(address)): ")
            guard try ask("The same again: ") == first else { throw Failure.data("the two passwords differ") }
            return ChosenPassword(password: Secret(first), isGenerated: false)
        }
        return .generated()
    }

    /// Reads a line without showing it.
    private func ask(_ question: String) throws -> String {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else {
            throw Failure.noInput("standard input is no terminal; use --password-stdin")
        }
        var hidden = settings
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
        writeToStandardError(Array(question.utf8))
        let line = readLine()
        writeToStandardError([UInt8(ascii: "\n")])
        guard let line, !line.isEmpty else { throw Failure.data("no password given") }
        return line
    }
}

extension ChosenPassword {
    /// 20 of 57 characters, none of which looks like another: 116 bits.
    static func generated() -> ChosenPassword {
        let alphabet = Array("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
        var generator = SystemRandomNumberGenerator()
        let letters = (0..<20).compactMap { _ in alphabet.randomElement(using: &generator) }
        return ChosenPassword(password: Secret(String(letters)), isGenerated: true)
    }
}
