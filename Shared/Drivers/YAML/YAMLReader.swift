import CYAML

/// Reads one YAML document with libyaml.
///
/// It takes what a configuration file needs: mappings with distinct scalar keys, sequences and scalars. Aliases (a few
/// lines can stand for gigabytes), explicit tags and several documents are refused, and so is deep nesting.
package enum YAMLReader {
    /// `nil`: there is nothing in it but comments.
    package static func read(_ bytes: [UInt8], maximumDepth: Int = 16) throws(YAMLError) -> YAMLNode? {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLError(line: 0, problem: "no memory") }
        defer { yaml_parser_delete(parser) }
        return try bytes.withUnsafeBufferPointer { buffer throws(YAMLError) in
            // The buffer outlives the parser's use of it: everything is parsed before this closure ends.
            yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            var builder = NodeBuilder(maximumDepth: maximumDepth)
            while !builder.isFinished { try step(parser, &builder) }
            return builder.root
        }
    }

    private static func step(
        _ parser: UnsafeMutablePointer<yaml_parser_t>, _ builder: inout NodeBuilder
    ) throws(YAMLError) {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure(parser.pointee) }
        defer { yaml_event_delete(&event) }
        let line = Int(clamping: event.start_mark.line) + 1
        switch event.type {
        case YAML_STREAM_END_EVENT: builder.finish()
        case YAML_DOCUMENT_START_EVENT: try builder.beginDocument(line)
        case YAML_ALIAS_EVENT: throw YAMLError(line: line, problem: "aliases (*name) are not taken here")
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            try refuse(tag: scalar.tag, anchor: scalar.anchor, line)
            let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            try builder.add(scalar: String(decoding: text, as: UTF8.self), line)
        case YAML_SEQUENCE_START_EVENT:
            try refuse(tag: event.data.sequence_start.tag, anchor: event.data.sequence_start.anchor, line)
            try builder.begin(.sequence, line)
        case YAML_MAPPING_START_EVENT:
            try refuse(tag: event.data.mapping_start.tag, anchor: event.data.mapping_start.anchor, line)
            try builder.begin(.mapping, line)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: try builder.end(line)
        default: break  // begin of the stream, end of a document
        }
    }

    private static func refuse(
        tag: UnsafeMutablePointer<UInt8>?, anchor: UnsafeMutablePointer<UInt8>?, _ line: Int
    ) throws(YAMLError) {
        if tag != nil { throw YAMLError(line: line, problem: "tags (!name) are not taken here") }
        if anchor != nil { throw YAMLError(line: line, problem: "anchors (&name) are not taken here") }
    }

    private static func failure(_ parser: yaml_parser_t) -> YAMLError {
        let problem = parser.problem.map { String(cString: $0) } ?? "cannot be read"
        let context = parser.context.map { " \(String(cString: $0))" } ?? ""
        // An error of the reader (no UTF-8) has an offset and no line.
        let line = parser.error == YAML_READER_ERROR ? 0 : Int(clamping: parser.problem_mark.line) + 1
        return YAMLError(line: line, problem: "is no YAML: \(problem)\(context)")
    }
}
