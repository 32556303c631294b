import Testing

/// Mails written for these tests, as a bare client sends them. No model has learnt from them.
struct HandWritten: Sendable, CustomTestStringConvertible {
    let from: String
    let subject: String
    let body: String
    var html = false

    var testDescription: String { subject }

    var bytes: [UInt8] {
        var text = "From: \(from)\r\nTo: bob@example.test\r\nSubject: \(subject)\r\n"
        text += "Date: Fri, 20 Nov 2026 10:15:00 +0100\r\nMessage-ID: <1.2.3@example.test>\r\n"
        if html { text += "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n" }
        text +=
            "\r\n" + body.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n") + "\r\n"
        return Array(text.utf8)
    }

    static let wanted: [HandWritten] = [
        HandWritten(from: "alice@example.test", subject: "lunch", body: "hello, lunch at 12?"),
        HandWritten(
            from: "root@localhost", subject: "test Fri, 20 Nov 2026 10:15:00 +0100", body: "This is a test mailing"),
        HandWritten(
            from: "Alice <alice@example.test>", subject: "Hello",
            body: "Hi Bob,\n\njust checking that the new server works.\n\nAlice"),
        HandWritten(from: "alice@example.test", subject: "", body: "see you tomorrow"),
        HandWritten(
            from: "Carol Meyer <carol@school.example>", subject: "Homework for Monday",
            body:
                "Dear all,\n\nplease read chapter 4 on TCP congestion control and solve exercises 2 and 5.\n\nBest, Carol Meyer"
        ),
        HandWritten(
            from: "Dave <dave@example.org>", subject: "Re: [dev] patch for the parser",
            body:
                "On Tue, Bob wrote:\n> The test fails on my machine.\n\nThanks, I could reproduce it. The fix is in commit 4f2a1c; please try again."
        ),
        HandWritten(
            from: "Erika <erika@web.example>", subject: "Geburtstag am Samstag",
            body:
                "Hallo Bob,\n\nkommst du am Samstag zu meiner Feier? Wir fangen um 19 Uhr an, bring gern einen Salat mit.\n\nLiebe Gruesse\nErika"
        ),
        HandWritten(
            from: "Frank <frank@builder.example>", subject: "Quote for the roof",
            body:
                "Hello Mr Smith,\n\nattached is our quote as discussed on the phone. Work could start in the second week of March.\n\nKind regards\nFrank"
        ),
        HandWritten(
            from: "Library <desk@library.example>", subject: "The book you reserved is here",
            body:
                "Dear reader,\n\nthe book you reserved can be picked up at the front desk until Friday.\n\nYour library"
        ),
        HandWritten(
            from: "Dr. Stone <practice@dentist.example>", subject: "Appointment reminder",
            body:
                "Dear Mr Smith,\n\nthis is to remind you of your appointment on Tuesday at 9:30. Please call us if you cannot come."
        ),
        HandWritten(
            from: "Grace <grace@example.org>", subject: "Meeting minutes",
            body:
                "Hi,\n\nhere are the minutes of yesterday's meeting. Action items: Bob updates the schedule, Heidi asks the supplier about delivery."
        ),
        HandWritten(
            from: "Heidi <heidi@example.org>", subject: "Re: schedule",
            body: "Works for me. Thursday 14:00 in the small room then."),
        HandWritten(
            from: "Ivan <ivan@physics.example>", subject: "Draft of section 3",
            body:
                "Bob, I have rewritten section 3 and moved the proof to the appendix. Could you check the bounds in lemma 2 before we submit?"
        ),
        HandWritten(
            from: "Judy <judy@example.org>", subject: "Photos from the hike",
            body:
                "Hi all,\n\nI put the photos of Sunday into the shared folder. The one with the cow is my favourite :-)\n\nJudy"
        ),
        HandWritten(
            from: "Cron Daemon <root@host.example>", subject: "Cron <root@host> /usr/local/bin/backup",
            body: "backup started 03:00\n12844 files, 3.2 GB\nbackup finished 03:21, no errors"),
        HandWritten(
            from: "git@forge.example", subject: "[martlet] Pull request #42: fix line framing",
            body:
                "mallory wants to merge 3 commits into main.\n\n- reject bare LF\n- test for the chunk boundary\n- changelog"
        ),
        HandWritten(
            from: "Mum <mum@family.example>", subject: "Grandma",
            body:
                "Dear, grandma is out of hospital and doing fine. She would love a call from you this weekend. Love, Mum"
        ),
        HandWritten(
            from: "Niaj <niaj@example.org>", subject: "Train times",
            body: "There is a train at 8:12 and one at 8:42. I would take the earlier one, we change in Basel."),
        HandWritten(
            from: "Olivia <olivia@client.example>", subject: "Question about the invoice",
            body:
                "Hello,\n\non invoice 2026-118 the hours of October appear twice. Could you send a corrected one?\n\nThanks\nOlivia"
        ),
        HandWritten(
            from: "Peggy <peggy@choir.example>", subject: "Rehearsal moved",
            body:
                "Dear singers,\n\nthe rehearsal on Wednesday begins at 20:00 instead of 19:30 because the hall is used before us."
        ),
        HandWritten(
            from: "Rupert <rupert@example.org>", subject: "server room key",
            body: "I left the key of the server room on your desk. The new switch is mounted, ports 1-12 are patched."),
        HandWritten(
            from: "Sybil <sybil@example.org>", subject: "Fwd: job interview",
            body:
                "Can you join the interview on Thursday at 11? The candidate's CV is attached. It should not take more than an hour."
        ),
        HandWritten(
            from: "Trent <trent@example.org>", subject: "Vacation",
            body: "I am away from Monday to Friday next week. Victor takes care of my projects, his extension is 214."),
        HandWritten(
            from: "Shop <orders@bookshop.example>", subject: "Your order has been shipped",
            body:
                "Dear Bob Smith,\n\nyour order of two books was shipped today with the postal service and should arrive within three days.\n\nThank you"
        ),
        HandWritten(
            from: "Walter <walter@example.org>", subject: "Question on RFC 5321",
            body:
                "Section 4.5.3.1 says a command line has at most 512 octets. Does that include the CRLF? I think so, but our code counts without it."
        ),
        HandWritten(
            from: "Alice <alice@example.test>", subject: "Shared notes",
            body:
                "<html><body><p>Hi Bob,</p><p>the notes of the workshop are on the wiki now. Please add what is missing.</p><p>Alice</p></body></html>",
            html: true),
        HandWritten(
            from: "Marie <marie@exemple.example>", subject: "Réunion de jeudi",
            body:
                "Bonjour Bob,\n\nla réunion de jeudi est reportée à vendredi, 10 heures. Peux-tu réserver la salle ?\n\nMerci, Marie"
        ),
        HandWritten(
            from: "Neighbour <nb@street.example>", subject: "Parcel",
            body: "Hi, the postman left a parcel for you with us. We are at home after six."),
        HandWritten(
            from: "Coach <coach@club.example>", subject: "Training on Saturday",
            body:
                "Hi team, training on Saturday is at 10 as usual. Bring warm clothes, the heating in the gym is broken."
        ),
        HandWritten(
            from: "monitor@host.example", subject: "OK: disk usage on db1 is 61 %",
            body: "The check disk on host db1 has recovered.\nState: OK\nUsage: 61 %\nDuration of the problem: 00:14:07"
        ),
    ]

    static let unwanted: [HandWritten] = [
        HandWritten(
            from: "Pharmacy <sale@pills.example>", subject: "Cheap Viagra and Cialis online",
            body:
                "Buy Viagra, Cialis and Levitra without prescription! Lowest prices, discreet shipping. Order now: http://pills.example/buy"
        ),
        HandWritten(
            from: "Lottery Board <claims@lotto.example>", subject: "CONGRATULATIONS YOU HAVE WON",
            body:
                "Dear winner,\n\nyour email address has won the sum of 1,500,000.00 US dollars in the international lottery. To claim your prize contact our agent with your full name, address and bank account."
        ),
        HandWritten(
            from: "PayPal Security <service@paypal-verify.example>", subject: "Your account has been limited",
            body:
                "Dear PayPal customer,\n\nwe noticed unusual activity in your account. Please verify your account information within 24 hours or your account will be suspended. Click here to log in: http://203.0.113.7/paypal/login"
        ),
        HandWritten(
            from: "Mr. Ibrahim Musa <ibrahim@bank.example>", subject: "URGENT BUSINESS PROPOSAL",
            body:
                "Dear friend,\n\nI am a manager of a bank in Nigeria. I want to transfer the sum of 18.5 million dollars of a deceased customer to your account as next of kin. You will receive 40% of the fund. This transaction is confidential."
        ),
        HandWritten(
            from: "Work from home <jobs@earn.example>", subject: "Earn $5000 per week from home!!!",
            body:
                "Make money fast! No experience needed. Work at home and earn thousands of dollars every week. 100% risk free, money back guarantee. Sign up now for free!"
        ),
        HandWritten(
            from: "Bank of America <alert@secure-login.example>", subject: "Security alert: confirm your identity",
            body:
                "Dear customer, your online banking access was blocked for security reasons. Update your password and credit card number here to restore your account: http://secure-login.example/boa"
        ),
        HandWritten(
            from: "Hot girls <sexy@adult.example>", subject: "Hot singles want to meet you tonight",
            body: "Hundreds of hot XXX girls on live webcam, free adult pictures. Click here, you must be 18 or older!"),
        HandWritten(
            from: "Mortgage <rates@loan.example>", subject: "Lowest mortgage rates - refinance now",
            body:
                "Refinance your home today and save thousands! Bad credit, no problem. Get a free quote, no obligation. Interest rates are at their lowest point in 40 years."
        ),
        HandWritten(
            from: "Weight loss <diet@slim.example>", subject: "Lose 30 pounds in 30 days GUARANTEED",
            body:
                "Amazing new diet pill burns fat while you sleep. Lose weight without exercise! Order today and get one bottle FREE. Limited time offer, click here."
        ),
        HandWritten(
            from: "eBay <aw-confirm@ebay.example>", subject: "eBay: update your billing information",
            body:
                "Dear eBay member,\n\nwe were unable to process your billing information. Please update your records by clicking the link below, otherwise your account will be terminated.\nhttp://signin.ebay.example.cn/ws/eBayISAPI.dll"
        ),
        HandWritten(
            from: "Software <oem@cheap.example>", subject: "OEM software 80% off",
            body:
                "Microsoft Office, Windows, Adobe Photoshop at incredible prices! Download instantly. Special offer: http://cheap.example"
        ),
        HandWritten(
            from: "Replica <watches@rolex.example>", subject: "Replica Rolex watches",
            body:
                "Exclusive replica watches, Rolex, Cartier, Breitling. Best quality, lowest price. Buy now and save! Visit our site today."
        ),
        HandWritten(
            from: "Bulk <leads@mailer.example>", subject: "Increase your sales - 50 million email addresses on CD",
            body:
                "Reach millions of people with bulk email! Our CD contains 50 million email addresses. Only $99. Order now, call toll free 1-800-555-0100. To be removed from our list reply with remove in the subject."
        ),
        HandWritten(
            from: "Casino <bonus@casino.example>", subject: "Get $500 free casino bonus",
            body:
                "Play the best online casino games and win big! Sign up now and get a $500 bonus free. Click here to start playing: http://casino.example"
        ),
        HandWritten(
            from: "Barrister John Kofi <jkofi@law.example>", subject: "Next of kin",
            body:
                "Attention: I am barrister John Kofi, attorney to a late client who died with his family in a car accident. He left 9.7 million US dollars. I seek your consent to present you as next of kin. Reply with your telephone number for more details."
        ),
        HandWritten(
            from: "Mail admin <admin@webmail.example>", subject: "Your mailbox is almost full",
            body:
                "Dear user, your mailbox has exceeded its storage limit. Click here to verify your email account and password to avoid suspension of your account: http://webmail.example/verify"
        ),
        HandWritten(
            from: "Stock alert <tips@stocks.example>", subject: "This stock will explode! Investor alert",
            body:
                "Strong buy! This company is about to announce huge news. Price target 500% profit in days. Investors should act now before the stock explodes."
        ),
        HandWritten(
            from: "Credit <help@debt.example>", subject: "Eliminate your debt today",
            body:
                "Are you drowning in credit card debt? Consolidate your bills, lower your monthly payments, stop the harassing calls. Free consultation, no obligation. Click here now!"
        ),
        HandWritten(
            from: "Diploma <uni@degree.example>", subject: "University degree without exams",
            body:
                "Obtain a prestigious university diploma. No required tests, classes or books. Bachelor, master and PhD available. Call now, 24 hours a day."
        ),
        HandWritten(
            from: "Pharm <rx@meds.example>", subject: "V1agra - c h e a p m e d s",
            body:
                "Get your v1agra, c1alis and val1um here. N o p r e s c r i p t i o n needed! Lowest price guaranteed. Order now http://meds.example"
        ),
        HandWritten(
            from: "Citibank <support@citi.example>", subject: "Citibank: verify your ATM card and PIN",
            body:
                "Dear Citibank customer, to protect you from fraud we ask all customers to verify their ATM card number and PIN. Failure to do so will result in suspension of your account. Click the link to verify: http://203.0.113.9/citi"
        ),
        HandWritten(
            from: "Mrs. Maria Lopez <maria@mail.example>", subject: "Dear beloved in Christ",
            body:
                "Dear beloved, I am a widow suffering from cancer. My late husband left 8 million dollars and I want to donate it to charity through you. Please contact me urgently for the transfer of the fund. God bless you."
        ),
        HandWritten(
            from: "Free <win@prize.example>", subject: "You are our winner! Claim your FREE prize",
            body:
                "<html><body><h1>CONGRATULATIONS!</h1><p>You have been selected to win a FREE vacation! <a href=\"http://prize.example/claim\">CLICK HERE</a> to claim your prize now. Act now, limited time offer!</p></body></html>",
            html: true),
        HandWritten(
            from: "PayPal <service@mail.example>", subject: "Please confirm your account",
            body:
                "<html><body><p>Dear PayPal user,</p><p>your account will be suspended. Please login to verify your account information:</p><p><a href=\"http://evil.example/login\">https://www.paypal.com/login</a></p></body></html>",
            html: true),
        HandWritten(
            from: "Enlarge <dr@size.example>", subject: "Increase your size - women will love it",
            body:
                "Natural herbal pills enlarge your penis by up to 3 inches. 100% guaranteed results or your money back. Order now and get a free bottle!"
        ),
        HandWritten(
            from: "Printer supplies <ink@toner.example>", subject: "Save 70% on ink and toner cartridges",
            body:
                "Why pay more? Save up to 70% on laser toner and inkjet cartridges. Free shipping on all orders. Click here to order. To unsubscribe from this mailing list click here."
        ),
        HandWritten(
            from: "MLM <rich@network.example>", subject: "Financial freedom can be yours",
            body:
                "This is not a scam! This program really works. I made over $50,000 in the first 90 days. Send $5 to each of the names on the list and become a millionaire. Read this now, it will change your life!"
        ),
        HandWritten(
            from: "Satellite <tv@cable.example>", subject: "FREE satellite TV system",
            body:
                "Get a free satellite TV system with free installation! Over 150 channels. No equipment to buy. Click here for this exclusive offer, limited time only."
        ),
        HandWritten(
            from: "UN Compensation <office@un.example>", subject: "Your compensation payment of $2,500,000",
            body:
                "Attention beneficiary, the United Nations has approved your compensation payment of 2,500,000 USD. Your ATM card is ready. Send the delivery fee of $150 by Western Union with your name and address to our courier agent."
        ),
        HandWritten(
            from: "Apple ID <noreply@apple-id.example>", subject: "Your Apple ID has been locked",
            body:
                "Dear customer, your Apple ID was locked because of suspicious activity. Verify your account information within 48 hours to unlock your account. Log in here: http://apple-id.example/unlock"
        ),
    ]
}
