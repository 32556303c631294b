/// Every limit of the POP3 grammar, in one place.
package enum POP3Limits {
    /// RFC 2449 4: octets of a command, CRLF included.
    package static let command = 255
    /// PASS may be longer: the passwords that other protocols take are taken here too.
    package static let passCommand = 1_031
    /// RFC 5034 4: a line of an AUTH exchange, and AUTH with its initial response.
    package static let authenticationLine = 12_288
    /// RFC 1939 sets none; more messages than this no maildrop holds.
    package static let number = 2_147_483_647
}
