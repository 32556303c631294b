import MailWire

/// Base64 as text, for comparing with what RFCs print.
func base64Text(_ bytes: [UInt8]) -> String { String(decoding: Base64.encode(bytes), as: UTF8.self) }

func base64Bytes(_ text: String) -> [UInt8] { Base64.decodeStrict(Array(text.utf8)) ?? [] }
