import DNSResolver

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A resolver that knows only these records: no packet leaves.
func withZone<Value: Sendable>(
    _ records: String, _ body: @Sendable (DNSResolver) async throws -> Value
) async throws -> Value {
    let path = "/tmp/martlet-zone-\(UInt64.random(in: 0...UInt64.max)).zone"
    guard let file = fopen(path, "w") else { throw DNSError.temporary("no file") }
    fputs(". SOA ns.invalid. hostmaster.invalid. 1 2 3 4 5\n" + records + "\n", file)
    fclose(file)
    defer { unlink(path) }
    var configuration = DNSConfiguration()
    configuration.zoneFile = path
    configuration.validates = false
    let resolver = try DNSResolver(configuration: configuration)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await resolver.run() }
        defer { group.cancelAll() }
        return try await body(resolver)
    }
}
