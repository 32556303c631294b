/// What phishing and its neighbours write about, as words of several languages. The collections that models are made
/// from are nearly all English; the topics carry what was learnt there over to other languages. Written down from
/// general knowledge of the languages, from no collection.
enum Topic: UInt32, CaseIterable {
    case account, confirm, secret, blocked, urgent, prize, parcel, click, dearCustomer, payment, storage, signIn
    case unsubscribe

    /// Words that are looked at, from the subject on.
    static let longest = 160

    var bit: UInt32 { 1 << rawValue }

    var feature: StructureFeature {
        switch self {
        case .account: .topicAccount
        case .confirm: .topicConfirm
        case .secret: .topicSecret
        case .blocked: .topicBlocked
        case .urgent: .topicUrgent
        case .prize: .topicPrize
        case .parcel: .topicParcel
        case .click: .topicClick
        case .dearCustomer: .topicDearCustomer
        case .payment: .topicPayment
        case .storage: .topicStorage
        case .signIn: .topicSignIn
        case .unsubscribe: .topicUnsubscribe
        }
    }

    /// English, German, French, Spanish, Portuguese, Italian, Dutch, and some Polish, Swedish, Russian and Turkish.
    var words: String {
        switch self {
        case .account:
            """
            account accounts konto kontos kontoinhaber benutzerkonto compte comptes cuenta cuentas conta contas
            rekening аккаунт счет hesap hesabınız membership mitgliedschaft abonnement suscripción assinatura
            abbonamento
            """
        case .confirm:
            """
            verify verification verifying confirm confirmation validate validation update updating bestätigen
            bestätigung bestätige verifizieren verifizierung aktualisieren aktualisierung überprüfen confirmer
            confirmez vérifier vérifiez vérification valider validez actualiser confirmar confirme verificar
            verifique verificación actualizar actualice atualizar atualize verificação confirmação verificare
            verifica verificate confermare conferma aggiornare aggiorna bevestigen bevestig verifiëren verifieer
            controleren bijwerken potwierdź potwierdzenie zweryfikuj bekräfta verifiera подтвердите doğrulayın
            güncelleyin
            """
        case .secret:
            """
            password passwords passcode passphrase pin tan otp cvv cvc passwort kennwort zugangsdaten
            anmeldedaten contraseña contrasena clave senha passe identifiants wachtwoord hasło lösenord пароль
            şifre credentials seed mnemonic
            """
        case .blocked:
            """
            suspended suspend suspension limited locked blocked restricted restriction deactivated deactivate
            disabled expired expire expires terminated terminate cancelled gesperrt sperrung eingeschränkt
            blockiert deaktiviert abgelaufen läuft gekündigt suspendu suspendue bloqué bloquée limité restreint
            désactivé expiré suspendida suspendido bloqueada bloqueado limitada desactivada caducado suspensa
            suspenso desativada expirou sospeso bloccato bloccata limitato disattivato scaduto geblokkeerd
            beperkt opgeschort verlopen gedeactiveerd zablokowane zawieszone spärrat заблокирован askıya
            kısıtlandı
            """
        case .urgent:
            """
            urgent urgently immediately immediate hours attention warning final dringend sofort umgehend
            unverzüglich stunden achtung warnung letzte immédiatement urgence heures avertissement dernier
            urgente inmediatamente horas atención advertencia último imediatamente atenção aviso immediatamente
            subito ore attenzione ultimo onmiddellijk uur waarschuwing laatste natychmiast godzin omedelbart
            срочно acil hemen
            """
        case .prize:
            """
            million millions prize winner winning lottery inheritance beneficiary jackpot reward selected gewinn
            gewonnen gewinner millionen lotterie erbschaft belohnung ausgewählt gagné gagnant millions héritage
            loterie récompense premio ganador ganado lotería herencia recompensa prêmio ganhador ganhou herança
            vinto vincitore eredità lotteria prijs gewonnen winnaar erfenis nagroda wygrałeś vinnare приз
            kazandınız bitcoin
            """
        case .parcel:
            """
            parcel package shipment delivery courier customs paket lieferung sendung zustellung zoll colis
            livraison douane paquete envío entrega aduana encomenda pacote alfândega pacco spedizione consegna
            dogana pakket bezorging zending douanekosten przesyłka paczka leverans посылка kargo
            """
        case .click:
            """
            click klicken klick klicke cliquez cliquer clic clique haga pulse pulsa clicca cliccare cliccando
            klik klikken kliknij klicka нажмите tıklayın button schaltfläche bouton botón botão pulsante knop
            """
        case .dearCustomer:
            """
            customer customers client user users member kunde kundin kunden nutzer benutzer cliente clientes
            usuario usuário utente utilisateur clients klant gebruiker klienta użytkowniku kund клиент
            müşterimiz valued beneficiary cardholder
            """
        case .payment:
            """
            payment billing invoice refund charge charged zahlung rechnung rückerstattung erstattung abbuchung
            paiement facture remboursement prélèvement pago factura reembolso cobro pagamento fatura fattura
            rimborso addebito betaling factuur terugbetaling płatność faktura betalning оплата ödeme
            """
        case .storage:
            """
            quota mailbox storage inbox cloud speicher speicherplatz postfach stockage messagerie almacenamiento
            buzón armazenamento archiviazione casella spazio opslag opslagruimte postvak skrzynka
            """
        case .signIn:
            """
            login signin logon logging anmelden einloggen anmeldung connexion connecter connectez iniciar sesión
            acceder acceda acesse entrar accedi accedere accesso inloggen aanmelden zaloguj logga войти giriş
            """
        case .unsubscribe:
            """
            unsubscribe abmelden abbestellen désabonner désinscrire désinscription darse baja cancelar
            descadastrar disiscriviti cancellati uitschrijven afmelden wypisz avregistrera отписаться
            """
        }
    }

    /// Topics of a word by its hash, in the subject or the body; open addressing, at most a third full.
    static func topics(of hash: UInt32) -> UInt32 {
        var slot = Int(hash & mask)
        while keys[slot] != 0 {
            if keys[slot] == hash { return bits[slot] }
            slot = (slot + 1) & Int(mask)
        }
        return 0
    }

    private static let mask: UInt32 = 4095
    private static let (keys, bits) = table()

    private static func table() -> (keys: [UInt32], bits: [UInt32]) {
        var keys = [UInt32](repeating: 0, count: Int(mask) + 1)
        var bits = keys
        for topic in allCases {
            for word in topic.words.split(whereSeparator: \.isWhitespace) {
                let canonical = FeatureExtractor.canonical(bytes: Array(word.utf8))
                for field in [WordField.subject, .body] {
                    var words = WordList()
                    words.append(canonical, 0..<canonical.count, field)
                    guard words.words.count == 1, let hash = words.words.first?.hash, hash != 0 else { continue }
                    var slot = Int(hash & mask)
                    while keys[slot] != 0, keys[slot] != hash { slot = (slot + 1) & Int(mask) }
                    keys[slot] = hash
                    bits[slot] |= topic.bit
                }
            }
        }
        return (keys, bits)
    }
}

extension FeatureExtractor {
    func readTopics() {
        var found: UInt32 = 0
        // A long mail touches on everything.
        for word in words.words.prefix(Topic.longest) { found |= Topic.topics(of: word.hash) }
        for topic in Topic.allCases { note(topic.feature, when: found & topic.bit != 0) }
        func has(_ topics: Topic...) -> Bool { topics.allSatisfy { found & $0.bit != 0 } }
        note(.topicConfirmAccount, when: has(.confirm, .account))
        note(.topicBlockedAccount, when: has(.blocked, .account))
        note(.topicSecretLink, when: has(.secret) && !content.links.isEmpty)
        note(.topicUrgentAccount, when: has(.urgent, .account))
        note(.topicStrangerAccount, when: has(.dearCustomer, .account))
        note(.topicUnpaidParcel, when: has(.parcel, .payment))
        let count = (found & ~Topic.unsubscribe.bit).nonzeroBitCount
        note(.topicsFour, when: count >= 4)
        note(.topicsSix, when: count >= 6)
    }
}
