import CLibCrypto

/// An RSA key that signs by OpenSSL, which on processors of today takes a third of what BoringSSL does.
///
/// `@unchecked`: the key is never changed after `init`, and OpenSSL locks what signatures share (the blinding).
package final class RSASigningKey: @unchecked Sendable {
    private let key: OpaquePointer

    /// - Parameter der: PKCS#8.
    package init?(der: [UInt8]) {
        let key = der.withUnsafeBufferPointer { bytes in
            var next = bytes.baseAddress
            return d2i_PrivateKey(EVP_PKEY_RSA, nil, &next, bytes.count)
        }
        guard let key else { return nil }
        self.key = key
        // A damaged key would sign, and nobody would believe it.
        let trial = Array("trial".utf8)
        guard let signature = signature(over: trial), verifies(signature, over: trial) else { return nil }
    }

    deinit { EVP_PKEY_free(key) }

    /// PKCS#1 v1.5 over the SHA-256 (RFC 8017 8.2); `nil` when it can't be made.
    package func signature(over bytes: [UInt8]) -> [UInt8]? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var length = Int(EVP_PKEY_get_size(key))
        guard length > 0, EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: length)
        guard EVP_DigestSign(context, &signature, &length, bytes, bytes.count) == 1 else { return nil }
        return Array(signature.prefix(length))
    }

    private func verifies(_ signature: [UInt8], over bytes: [UInt8]) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
    }
}
