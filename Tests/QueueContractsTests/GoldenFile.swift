#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A message as version N-1, N or an operator sees it. Never edited: a change of one breaks whoever runs beside us.
func golden(_ name: String, file: String = #filePath) throws -> [UInt8] {
    let folder = file.split(separator: "/").dropLast().joined(separator: "/")
    return [UInt8](try Data(contentsOf: URL(filePath: "/\(folder)/Golden/\(name).json")))
}
