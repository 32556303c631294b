import ArgumentParser

struct CompletionCommand: ParsableCommand {
    enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Prints the script that completes this command in a shell.",
        discussion: """
            Example:
              martlet completion bash > /etc/bash_completion.d/martlet      (then open a new shell)
              martlet completion zsh > /usr/local/share/zsh/site-functions/_martlet
              martlet completion fish > ~/.config/fish/completions/martlet.fish
              source <(martlet completion bash)                             (this bash only)
            """)

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() throws {
        let kind: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        print(Martlet.completionScript(for: kind))
    }
}
