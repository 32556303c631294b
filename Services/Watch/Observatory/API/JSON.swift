import MailCore
import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A value that is written as `null` when it is not there, instead of being left out.
@propertyWrapper
struct Nullable<Value: Encodable & Sendable>: Encodable, Sendable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

enum JSON {
    /// Keys in order, so that equal values make equal texts. All numbers in answers are finite (`rounded`).
    static func text(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension Timestamp {
    /// RFC 3339, UTC, milliseconds.
    var text: String {
        rfc3339(seconds: Int(microseconds / 1_000_000), milliseconds: Int(max(0, microseconds % 1_000_000 / 1000)))
    }

    func seconds(since other: Timestamp) -> Double {
        (Double(microseconds - other.microseconds) / 1000).rounded() / 1000
    }
}

/// Three decimals are plenty for a page.
func rounded(_ seconds: Double) -> Double {
    guard seconds.isFinite else { return 0 }
    return (seconds * 1000).rounded() / 1000
}
