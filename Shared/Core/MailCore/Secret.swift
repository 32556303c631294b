/// A value that must never be printed: its descriptions, mirror and interpolations say only `<secret>`.
///
/// Redaction is in the type so that no call site can forget it.
package struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    package init(_ value: Value) { self.value = value }

    /// The only way to the value; each use of this word in the source is a place to review.
    package func reveal() -> Value { value }

    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
