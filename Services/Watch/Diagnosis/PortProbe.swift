import NIOCore
import NIOPosix
import NIOSSL

/// Speaks to one port as a client would: connects, reads the greeting, asks what is offered, starts TLS.
struct PortProbe: Sendable {
    enum Outcome: Sendable, Equatable {
        case refused(String)
        case silent
        case wrongGreeting(String)
        case noStartTLS
        case tlsFailed(String)
        /// All went well; with TLS the certificate that was shown.
        case answers(CertificateFacts?)
    }

    struct ProbeError: Error {
        let outcome: Outcome
    }

    let port: ServicePort
    /// For SNI and for the certificate's name; an address is not asked for by name.
    let serverName: String?
    /// `nil`: any certificate will do. Empty: the system's authorities; otherwise a PEM file of them.
    let authorities: String?
    var timeout = Duration.seconds(5)

    func run() async -> Outcome {
        await withTaskGroup(of: Outcome.self) { group in
            group.addTask { await converse() }
            group.addTask {
                // Cancelled as soon as the other one is done.
                try? await Task.sleep(for: timeout)
                return .silent
            }
            let outcome = await group.next() ?? .silent
            group.cancelAll()
            return outcome
        }
    }

    private func context() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities {
            if !authorities.isEmpty { configuration.trustRoots = .file(authorities) }
            configuration.certificateVerification = serverName == nil ? .noHostnameVerification : .fullVerification
        } else {
            configuration.certificateVerification = .none
        }
        return try NIOSSLContext(configuration: configuration)
    }

    private func converse() async -> Outcome {
        do {
            let context = try context()
            let isImplicit = port.security == .implicit
            let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
            do {
                channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connectTimeout(.seconds(4)).connect(host: port.host, port: port.port) { channel in
                        channel.eventLoop.makeCompletedFuture {
                            if isImplicit {
                                try channel.pipeline.syncOperations.addHandler(
                                    try NIOSSLClientHandler(context: context, serverHostname: serverName))
                            }
                            return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                        }
                    }
            } catch {
                return .refused(Self.words(error))
            }
            return try await channel.executeThenClose { inbound, outbound in
                var lines = LineSource(inbound.makeAsyncIterator())
                if port.dialogue == .http { return try await askHTTP(&lines, outbound) }
                return try await askMail(&lines, outbound, channel.channel, context)
            }
        } catch let error as ProbeError {
            return error.outcome
        } catch {
            return .tlsFailed(Self.words(error))
        }
    }

    private func askHTTP(
        _ lines: inout LineSource, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> Outcome {
        try await outbound.write(ByteBuffer(string: port.question + "\r\n"))
        let status = try await lines.next()
        return status.hasPrefix(port.greeting) ? .answers(nil) : .wrongGreeting(status)
    }

    private func askMail(
        _ lines: inout LineSource, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ channel: any Channel,
        _ context: NIOSSLContext
    ) async throws -> Outcome {
        var greeting = try await lines.next()
        while port.dialogue == .smtp, greeting.hasPrefix("220-") { greeting = try await lines.next() }
        guard greeting.hasPrefix(port.greeting) else { return .wrongGreeting(greeting) }
        if port.security == .implicit { return .answers(try await Self.shown(on: channel)) }
        guard port.security == .startTLS else { return .answers(nil) }
        let offered = try await ask(&lines, outbound)
        guard offered.contains(where: { $0.uppercased().contains(port.keyword) }) else { return .noStartTLS }
        try await outbound.write(ByteBuffer(string: port.startTLS + "\r\n"))
        guard port.agrees(try await lines.next()) else { return .noStartTLS }
        let serverName = serverName
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                try NIOSSLClientHandler(context: context, serverHostname: serverName), position: .first)
        }.get()
        // The answer shows that the handshake went well.
        _ = try await ask(&lines, outbound)
        return .answers(try await Self.shown(on: channel))
    }

    private func ask(
        _ lines: inout LineSource, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws -> [String] {
        try await outbound.write(ByteBuffer(string: port.question + "\r\n"))
        var answer: [String] = []
        while answer.count < 100 {
            let line = try await lines.next()
            answer.append(line)
            if port.endsList(line) { break }
        }
        return answer
    }

    private static func shown(on channel: any Channel) async throws -> CertificateFacts? {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.nioSSL_peerCertificate().map(CertificateFacts.init)
        }.get()
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { words($0.error) } ?? "\(error)"
        case let error as IOError: String(cString: strerror(error.errnoCode))
        default: "\(error)"
        }
    }
}

/// Lines of a connection, at most 8 KiB each.
private struct LineSource {
    private var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer = ByteBuffer()

    init(_ iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) { self.iterator = iterator }

    mutating func next() async throws -> String {
        while true {
            if let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer.readString(length: end - buffer.readerIndex + 1) ?? ""
                return line.trimmedLine
            }
            guard buffer.readableBytes < 8_192, var more = try await iterator.next() else {
                throw PortProbe.ProbeError(outcome: .silent)
            }
            buffer.writeBuffer(&more)
        }
    }
}

extension String {
    fileprivate var trimmedLine: String {
        String(decoding: utf8.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
