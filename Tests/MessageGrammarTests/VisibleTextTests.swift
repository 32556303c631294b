import MessageGrammar
import Testing

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("<p>Hello <b>big</b>\n  world</p><p>Next</p>", "Hello big world\nNext\n"),
        ("a<br>b<div>c</div>d", "a\nb\nc\nd"),
        ("<td>one</td><td>two</td>", "one two"),
        ("1 < 2 &amp; 3 &gt; 2 &#65;&#x42;&nbsp;&eacute;&bogus;&", "1 < 2 & 3 > 2 AB\u{A0}\u{E9}&bogus;&"),
        ("x<!-- no --><!-->y<!DOCTYPE html>z<?xml ?>", "xyz"),
        ("<script>if (a < b) { '</x>' }</script>text<title>t</title>", "text"),
        ("<a href='http://x'>link</a> end", "link end"),
        ("unclosed <b", "unclosed"),
        ("unclosed <b attr=\"", "unclosed"),
        ("<STYLE>p{}</STYLE><P>up", "up"),
        ("&#0;&#1114112;&#xD800;", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("", ""),
    ])
    func readsText(html: String, text: String) {
        #expect(VisibleText(html: html).text == text)
        #expect(VisibleText(html: html).hiddenText == "")
    }

    @Test(arguments: [
        "<div style='display:none'>H</div>V", "<div style=\"DISPLAY : NONE !important\">H</div>V",
        "<span style='font-size:0'>H</span>V",
        "<span style='font-size:0px;line-height:0'>H</span>V", "<span style='font-size:1px'>H</span>V",
        "<span style='visibility:hidden'>H</span>V", "<span style='opacity:0'>H</span>V",
        "<span style='opacity:0.01'>H</span>V",
        "<div style='max-height:0;overflow:hidden'>H</div>V",
        "<div style='height:0px;width:0px;overflow:hidden'>H</div>V",
        "<span style='mso-hide:all'>H</span>V", "<p hidden>H</p>V", "<font size=0>H</font>V",
        "<font color=white>H</font>V",
        "<font color=\"#FFFFFF\">H</font>V", "<font color=#fefefe>H</font>V", "<span style='color:#fff'>H</span>V",
        "<span style='color:rgb(255, 255, 255)'>H</span>V", "<span style='color:rgba(254,254,254,.9)'>H</span>V",
        "<table bgcolor=black><tr><td><font color='#000000'>H</font></table>V",
        "<div style='background-color:#123456'><span style='color:#123457'>H</span></div>V",
        "<div style='background:#eee url(x)'><font color=#eeeeee>H</font></div>V",
        "<span style='color:transparent'>H</span>V",
        "<div style='text-indent:-9999px'>H</div>V", "<div style='position:absolute;left:-5000px'>H</div>V",
        "<style>.h{display:none}</style><i class='x h'>H</i>V",
        "<style>/* c */ #z , .q { font-size:0 }</style><i id=Z>H</i>V",
        "<div style='display&#58;none'>H</div>V", "<div style='display:none'><p>H</p></div>V",
        "<p style='display:none'>H<p>V", "<div style='display:none'><b style='visibility:visible'>H</b></div>V",
        "<style>@import 'x'; .h{visibility:hidden}</style><i class=h>H</i>V",
    ])
    func tellsHiddenFromVisible(html: String) {
        let read = VisibleText(html: html)
        #expect(read.text.filter { !$0.isWhitespace } == "V")
        #expect(read.hiddenText.filter { !$0.isWhitespace } == "H")
        #expect(read.hiddenRatio > 0.3 && read.hiddenRatio < 0.7)
    }

    @Test(arguments: [
        "<td style='font-size:0'><span style='font-size:14px'>V</span></td>",
        "<div style='font-size:12px;color:#333'>V</div>",
        "<style>@media print{.v{display:none}}</style><i class=v>V</i>",
        "<table bgcolor=#000000><tr><td><font color=white>V</font></table>",
        "<div style='visibility:hidden'><i style='visibility:visible'>V</i></div>",
        "<div style='height:0'>V</div>", "<b style='opacity:1'>V</b>", "<b style='display:block'>V</b>",
        "<b style=';;:;x'>V</b>",
        "<div style='display:none'></div>V", "<b style='text-indent:-20px'>V</b>", "<font color=gray>V</font>",
    ])
    func doesNotHideWhatCanBeSeen(html: String) {
        #expect(VisibleText(html: html).text.filter { !$0.isWhitespace } == "V")
        #expect(VisibleText(html: html).hiddenText == "")
    }

    @Test func findsLinks() {
        let read = VisibleText(
            html: """
                <a href="https://User@Evil.Test:8443/path?q=1&amp;r=2">https://bank.example/<b>login</b></a>
                <a href='mailto:x@Mail.Test?subject=a'>write</a><a name=x>no link</a><a href=//cdn.test/x>rel</a>
                <a href="http:\\\\back.test\\x">b</a><a href="java\nscript:alert(1)">j</a><a href="/local">l</a>
                <div style="display:none"><a href="http://hidden.test">h</a></div><img src=x><img src=y><form action=z>
                """)
        #expect(read.links.map(\.host) == ["evil.test", "mail.test", "cdn.test", "back.test", "", "", "hidden.test"])
        #expect(read.links.map(\.text) == ["https://bank.example/login", "write", "rel", "b", "j", "l", "h"])
        #expect(read.links.first?.target == "https://User@Evil.Test:8443/path?q=1&r=2")
        #expect(read.links.map(\.isHidden) == [false, false, false, false, false, false, true])
        #expect(read.imageCount == 2 && read.hasForm && read.linkCount == 7)
    }

    @Test(arguments: [
        ("http://a.test.", "a.test"), ("https://a@b@c.test/", "c.test"), ("HTTP://[::1]:80/", "[::1]"),
        ("http:a.test", "a.test"),
        ("ht\ttp://a.test", "a.test"), ("http://a.test\\@b.test", "a.test"), ("", ""), (":", ""), ("//", ""),
        ("http://", ""), ("x:y", ""),
        ("http://\u{E4}.test", "\u{E4}.test"),
    ])
    func hostAsBrowsersReadIt(target: String, host: String) {
        #expect(LinkTarget.host(Array(target.utf8)) == host)
    }

    @Test func linksInPlainText() {
        let links = LinkTarget.links(
            inPlainText: "see http://a.test/x, <https://b.test> xhttp://c ftp://d.test :// http://")
        #expect(links.map(\.host) == ["a.test", "b.test", "c", ""])
    }

    @Test func staysWithinItsLimits() {
        let links = VisibleText(html: String(repeating: "<a href=http://x>", count: 5_000))
        #expect(links.links.count == VisibleText.maximumLinks && links.linkCount == 5_000)
        for filler in [
            "<div>", "<div style='display:none'>", "</div>", "<!--", "<", "&", "<a href=", "<style>", "<b x='",
            "<style>a{", "&#",
        ] {
            _ = VisibleText(html: String(repeating: filler, count: 100_000))
        }
        #expect(VisibleText(html: String(repeating: "word ", count: 10_000), maximumText: 100).text.utf8.count < 60_000)
    }

    @Test func neverFailsOnRandomMarkup() {
        var random = SeededGenerator(seed: 9)
        let alphabet = [
            "<", ">", "/", "a", "style", "=", "'", "\"", " ", "&", "#", "x41;", "!--", "-->", "display:none", ";", "{",
            "}", "p", "\u{E4}",
        ]
        for _ in 0..<10_000 {
            let html = (0..<Int.random(in: 0..<30, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? ""
            }.joined()
            _ = VisibleText(html: html)
        }
    }
}
