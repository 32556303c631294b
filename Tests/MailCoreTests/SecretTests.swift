import MailCore
import Testing

@Suite struct SecretTests {
    private struct Login {
        let user = "alice"
        let password = Secret("canary-7f3")
    }

    @Test func `no way of printing shows the value`() {
        let secret = Secret("canary-7f3")
        let optional: Secret<String>? = secret
        var dumped = ""
        dump(Login(), to: &dumped)
        dump(secret, to: &dumped)
        let prints = [
            "\(secret)", String(describing: secret), String(reflecting: secret), "\(Login())",
            String(reflecting: Login()),
            "\(optional as Any)", "\([secret])", "\(["key": secret])", "\((secret, 1))", dumped,
            Mirror(reflecting: secret).children.map { "\($0.value)" }.joined(),
        ]
        for text in prints { #expect(!text.contains("canary")) }
        #expect("\(secret)" == "<secret>")
    }

    @Test func `the value is there for who asks for it`() { #expect(Secret([UInt8](1...3)).reveal() == [1, 2, 3]) }
}
