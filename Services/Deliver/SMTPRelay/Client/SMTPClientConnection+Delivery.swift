import LineServer
import NIOCore
import SMTPGrammar

extension SMTPClientConnection {
    /// Why the content was not sent to its end.
    private enum ContentFault: Error {
        case wire(WireFault)
        /// The server has answered before the end.
        case interrupted
        case loneLineEnd
    }

    /// Sends prefix, body and final dot.
    func send(
        _ mail: OutboundMail, _ transaction: inout SMTPTransaction, _ beforeFinalDot: @Sendable () async throws -> Void
    ) async -> SMTPTransaction.Action {
        content = OutgoingContent()
        defer { content = nil }
        let allowance = Int64(mail.size / max(1, timeouts.minimumRate))
        let deadline = NIODeadline.now() + TimeAmount(timeouts.dataBlock) + .seconds(allowance)
        do {
            try await writeContent(mail.prefix, deadline)
            if let whole = mail.whole {
                try await writeContent(whole, deadline)
            } else {
                try await mail.body { chunk in try await self.writeContent(chunk, deadline) }
            }
            guard let end = content?.end() else { throw ContentFault.loneLineEnd }
            do {
                try await beforeFinalDot()
            } catch {
                return transaction.gaveUp(.deferred(ours("4.3.0", "Sending was stopped on this side")))
            }
            // Something may have happened meanwhile.
            try await checkContent(deadline)
            event(.line(.fromClient, .data(mail.size)))
            write(end)
            push()
            awaitsVerdict = true
            return transaction.sentContent()
        } catch let fault as ContentFault {
            return await answer(to: fault, &transaction)
        } catch {
            return transaction.gaveUp(.deferred(ours("4.3.0", "The stored mail could not be read")))
        }
    }

    private func writeContent(_ chunk: [UInt8], _ deadline: NIODeadline) async throws {
        guard let bytes = content?.encode(chunk) else { throw ContentFault.loneLineEnd }
        write(bytes)
        try await checkContent(deadline)
    }

    private func checkContent(_ deadline: NIODeadline) async throws(ContentFault) {
        if isClosed, input.readableBytes == 0 { throw .wire(.closed(wireFailure)) }
        // Small mails leave in one piece with their final dot.
        if !channel.isWritable {
            do { try await flush(until: deadline) } catch { throw .wire(error) }
        }
        if input.readableBytes > 0 { throw .interrupted }
    }

    private func answer(
        to fault: ContentFault, _ transaction: inout SMTPTransaction
    ) async -> SMTPTransaction.Action {
        switch fault {
        case .wire(let fault): return transaction.lost(fault.text, .content)
        case .loneLineEnd:
            return transaction.gaveUp(.failed(ours("5.6.0", "The mail has a CR or LF that stands alone")))
        case .interrupted:
            do {
                return transaction.interrupted(by: try await readReply(until: .now() + TimeAmount(timeouts.quit)))
            } catch {
                return transaction.lost(error.text, .content)
            }
        }
    }

    private func ours(_ status: String, _ text: String) -> RelayReply {
        RelayReply(status: status, text, host: hostName, step: .content)
    }
}
