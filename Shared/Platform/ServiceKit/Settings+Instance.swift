#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Settings {
    /// Tells several processes of one daemon apart (`instance`).
    package var instance: String { string("instance", default: "\(HostName.current):\(getpid())") }
}

package enum HostName {
    package static var current: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "localhost" }
        let name = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.isEmpty ? "localhost" : name
    }
}
