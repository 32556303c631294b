import CLibPQ

/// Collects the WARNINGs that the server sends. Used on the connection's thread only: libpq calls back from there.
final class NoticeBox {
    private(set) var warnings: [String] = []

    /// The server has announced the end of the connection.
    private(set) var hasFatal = false

    func clear() { warnings.removeAll() }

    fileprivate func take(_ result: OpaquePointer?) {
        let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))).map { String(cString: $0) }
        if severity == "FATAL" || severity == "PANIC" { hasFatal = true }
        guard severity == "WARNING", warnings.count < 16, !isAboutWraparound(result) else { return }
        let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
        warnings.append(text ?? "warning")
    }

    /// Long before transaction ids wrap around, each one that is given out comes with a WARNING. It says nothing of the commit.
    private func isAboutWraparound(_ result: OpaquePointer?) -> Bool {
        let function = PQresultErrorField(result, Int32(UInt8(ascii: "R"))).map { String(cString: $0) }
        return function == "GetNewTransactionId" || function == "GetNewMultiXactId"
    }

    /// The box must outlive the connection it is installed in.
    func install(in connection: OpaquePointer) {
        PQsetNoticeReceiver(connection, receiveNotice, Unmanaged.passUnretained(self).toOpaque())
    }
}

private func receiveNotice(_ context: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
    if let context { Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue().take(result) }
}
