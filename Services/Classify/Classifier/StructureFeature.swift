/// Facts about a mail's construction. The raw value is the slot in the weight table: a value is never reused.
enum StructureFeature: UInt32, CaseIterable {
    // Shape of the MIME tree
    case plainOnly = 1, htmlOnly, plainAndHTML, noText, isMultipartMixed, hasEnclosedMessage, ambiguousMIME
    // Length of the visible text
    case textEmpty = 10, textUnder80, textUnder400, textUnder2000, textUnder8000, textLong
    // Links and images
    case linksNone = 20, linksOne, linksUnder5, linksUnder20, linksMany
    case linkMismatch, linkNumericHost, linkPunycode, linkOtherSite, linksOneSite, linkManySites
    case imagesOnly = 40, imagesSome, imagesMany, textWithoutLinks
    // HTML that a letter does not need
    case form = 50, script, hiddenLittle, hiddenSome, hiddenMost
    // Disguised text
    case disguiseMixedScript = 60, disguiseStyled, disguiseInvisible, disguiseLeet, disguiseSpaced, disguiseMany
    case subjectDisguised
    // Attachments
    case attachmentNone = 70, attachmentSome, attachmentProgram, attachmentArchive, attachmentHTML, attachmentOffice
    case attachmentPDF, attachmentImage, attachmentCalendar, attachmentDoubleExtension
    // Header
    case replyToOtherSite = 90, fromNameIsAddress, fromNameOtherAddress, fromMissing, fromSeveral, fromFreeMail
    case toMissing, toUndisclosed, toSelf, toMany, subjectMissing, subjectCapitals, subjectExclamation, subjectMoney
    case subjectQuestion, subjectReply, subjectNonASCII, subjectLong, isReply, replyWithoutThread, priorityHigh
    case dateMissing, messageIDMissing, listUnsubscribe, replyToFreeMail
    // Origin
    case nullSender = 120, submission
    // Links, by where they are hosted
    case linkToSender = 130, linkShortener, linkFreeHost, linkCheapDomain, linkLongHost, linkHyphens
    // Sender's name and address
    case nameInAddress = 140, nameNotInAddress, senderDigits, senderDeepHost, senderCheapDomain, senderSymbols
    case subjectSymbols, subjectNamesRecipient, textNamesRecipient
    // What the words are about, in several languages (`Topic`)
    case topicAccount = 160, topicConfirm, topicSecret, topicBlocked, topicUrgent, topicPrize, topicParcel, topicClick
    case topicDearCustomer, topicPayment, topicStorage, topicSignIn, topicUnsubscribe
    case topicConfirmAccount = 180, topicBlockedAccount, topicSecretLink, topicUrgentAccount, topicStrangerAccount
    case topicUnpaidParcel, topicsFour, topicsSix
    // Encoding
    case textBase64 = 200

    var reason: ReasonCode {
        switch self {
        case .linkMismatch: .linkMismatch
        case .linkNumericHost, .linkPunycode: .linkHost
        case .linkShortener, .linkFreeHost, .linkCheapDomain, .linkLongHost, .linkHyphens: .linkHost
        case .form: .linkForm
        case .hiddenLittle, .hiddenSome, .hiddenMost: .hiddenText
        case .disguiseMixedScript, .disguiseStyled, .disguiseInvisible, .disguiseLeet, .disguiseSpaced, .disguiseMany,
            .subjectDisguised:
            .disguise
        case .attachmentProgram, .attachmentDoubleExtension, .attachmentHTML, .attachmentArchive: .attachment
        case .replyToOtherSite, .fromNameIsAddress, .fromNameOtherAddress, .fromMissing, .fromSeveral,
            .replyToFreeMail, .nameNotInAddress, .senderDigits, .senderDeepHost, .senderCheapDomain, .senderSymbols:
            .senderIdentity
        case .topicAccount, .topicConfirm, .topicSecret, .topicBlocked, .topicUrgent, .topicPrize, .topicParcel,
            .topicClick, .topicDearCustomer, .topicPayment, .topicStorage, .topicSignIn, .topicConfirmAccount,
            .topicBlockedAccount, .topicSecretLink, .topicUrgentAccount, .topicStrangerAccount, .topicUnpaidParcel,
            .topicsFour, .topicsSix:
            .topic
        default: .structure
        }
    }
}
