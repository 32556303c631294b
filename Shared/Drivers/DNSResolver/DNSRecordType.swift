/// The record types we ask for (RFC 1035 3.2.2, RFC 3596 2.1), by their numbers on the wire.
package enum DNSRecordType: Int32, Sendable {
    case a = 1
    case pointer = 12
    case mailExchange = 15
    case text = 16
    case aaaa = 28
}
