/// SEARCH (RFC 3501 6.4.4) with RETURN (RFC 4731).
package struct IMAPSearch: Sendable, Equatable {
    /// Nil: the old answer, `* SEARCH`. Otherwise an ESEARCH answer with these; an empty list asked for ALL.
    package var returns: [SearchReturn]?
    /// All keys must match; one key or an `.and`.
    package var key: SearchKey

    package init(returns: [SearchReturn]? = nil, key: SearchKey) {
        self.returns = returns
        self.key = key
    }
}

package enum SearchReturn: String, Sendable, Equatable {
    case min = "MIN"
    case max = "MAX"
    case all = "ALL"
    case count = "COUNT"
}

/// The tree of a SEARCH; its depth is at most `IMAPLimits.searchDepth`. Strings are decoded from the command's CHARSET.
package indirect enum SearchKey: Sendable, Equatable {
    case all
    case flag(IMAPFlag)  // ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, RECENT, KEYWORD x
    case noFlag(IMAPFlag)  // UNANSWERED ... UNKEYWORD x; OLD is not RECENT
    case new  // RECENT and not SEEN
    /// FROM, TO, CC, BCC, SUBJECT too. The field is in capitals; an empty text asks whether the field is there.
    case header(field: String, text: String)
    case body(String)
    case text(String)
    case before(IMAPDate), on(IMAPDate), since(IMAPDate)  // internal date, time and zone disregarded
    case sentBefore(IMAPDate), sentOn(IMAPDate), sentSince(IMAPDate)  // Date: header
    case larger(UInt32), smaller(UInt32)
    case older(UInt32), younger(UInt32)  // RFC 5032, seconds
    case sequence(SequenceSet)
    case uid(SequenceSet)
    case modSeq(UInt64)  // RFC 7162 3.1.5: at least this
    case not(SearchKey)
    case or(SearchKey, SearchKey)
    case and([SearchKey])
}
