import MailWire

/// Makes the DKIM-Signature field of a domain and key (RFC 6376 5), relaxed/relaxed. It covers the whole body: there is
/// no `l=` (RFC 6376 8.2).
package struct DKIMSigner: Sendable {
    private let domain: String
    private let selector: String
    private let algorithm: DKIMAlgorithm
    private let signature: @Sendable ([UInt8]) throws(DKIMError) -> [UInt8]

    /// - Parameter domain: in A-labels: `d=` and the record's name are ASCII.
    package init(domain: String, selector: String, key: DKIMPrivateKey) {
        self.init(domain: domain, selector: selector, algorithm: key.algorithm, signature: key.signature(over:))
    }

    /// - Parameter signature: of these bytes' SHA-256, as the algorithm has it.
    package init(
        domain: String, selector: String, algorithm: DKIMAlgorithm,
        signature: @escaping @Sendable ([UInt8]) throws(DKIMError) -> [UInt8]
    ) {
        self.domain = domain
        self.selector = selector
        self.algorithm = algorithm
        self.signature = signature
    }

    /// - Parameters:
    ///   - header: the block as it goes out.
    ///   - bodyHash: of `DKIMBodyHash`.
    ///   - seconds: since the Unix epoch, for `t=`.
    /// - Returns: the field with its CRLF, to be put in front of the header.
    package func sign(header: [UInt8], bodyHash: [UInt8], at seconds: Int64) throws(DKIMError) -> [UInt8] {
        try sign(header: DKIMHeader(header), bodyHash: bodyHash, at: seconds)
    }

    package func sign(header: DKIMHeader, bodyHash: [UInt8], at seconds: Int64) throws(DKIMError) -> [UInt8] {
        let (names, fields) = try DKIMSignedFields.select(from: header)
        var field = FoldedField("DKIM-Signature:")
        field.add("v=1;")
        field.add("a=\(algorithm.rawValue);")
        field.add("c=relaxed/relaxed;")
        field.add("d=\(domain);")
        field.add("s=\(selector);")
        field.add("t=\(seconds);")
        // Folding is allowed around the colons of h= (RFC 6376 3.5).
        for (index, name) in names.enumerated() {
            field.add((index == 0 ? "h=" : "") + name + (index + 1 == names.count ? ";" : ":"), apart: index == 0)
        }
        field.add("bh=\(String(decoding: Base64.encode(bodyHash), as: UTF8.self));")
        field.add("b=")
        var input: [UInt8] = []
        for field in fields { header.appendCanonical(field, to: &input) }
        // RFC 6376 3.7: the signature's own field comes last, with an empty b= and without its CRLF.
        let unsigned = field.bytes
        let name = Array("dkim-signature".utf8)
        DKIMHeader.appendCanonical(name: name, body: unsigned.dropFirst(name.count + 1), to: &input)
        field.addBreakable(Base64.encode(try signature(input)))
        return field.bytes + [.carriageReturn, .lineFeed]
    }
}

/// A header field that is folded before column 78 (RFC 5322 2.1.1).
private struct FoldedField {
    private(set) var bytes: [UInt8]
    private var column: Int
    private static let width = 76

    init(_ name: String) {
        bytes = Array(name.utf8)
        column = bytes.count
    }

    /// Adds a piece that is not broken, after a space, or after a fold when it would not fit.
    mutating func add(_ piece: String, apart: Bool = true) {
        let piece = Array(piece.utf8)
        if column + piece.count + (apart ? 1 : 0) > Self.width {
            fold()
        } else if apart {
            bytes.append(.space)
            column += 1
        }
        bytes += piece
        column += piece.count
    }

    /// Adds text that may be folded anywhere (RFC 6376 3.5: `b=`).
    mutating func addBreakable(_ text: [UInt8]) {
        var rest = text[...]
        while !rest.isEmpty {
            if column >= Self.width { fold() }
            let part = rest.prefix(Self.width - column)
            bytes += part
            column += part.count
            rest = rest.dropFirst(part.count)
        }
    }

    private mutating func fold() {
        bytes += [.carriageReturn, .lineFeed, .tab]
        column = 8
    }
}
