// swift-tools-version: 6.2
import PackageDescription

// MARK: - Parts we stand on

let packages: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")

/// Warnings are errors in continuous integration, not on somebody's newer compiler.
let strict: [SwiftSetting] = Context.environment["MARTLET_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : []

let settings: [SwiftSetting] =
    strict + [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ]

// MARK: - Targets, one line each: name, folder, what it stands on

func library(_ name: String, _ folder: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: settings)
}

func binary(_ name: String, _ folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "\(folder)/\(name)", swiftSettings: settings,
        linkerSettings: runtimeInside)
}

func tests(_ library: String, _ dependencies: [Target.Dependency] = [], data: [String] = []) -> Target {
    .testTarget(
        name: "\(library)Tests", dependencies: [.byName(name: library)] + dependencies, path: "Tests/\(library)Tests",
        exclude: data, swiftSettings: settings)
}

/// For every program, as each contains `MailCore`: the toolchain's own fast linker, no symbols for others to look up, and
/// packed relocations. Together 5 MiB less resident in each daemon, and a link in a quarter of the time.
let linking: [LinkerSetting] = [
    .unsafeFlags([
        "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs",
    ])
]

/// The Swift runtime inside, so that a binary runs under another user and on another host. Only the link differs: tests,
/// which cannot be linked so, are made of the same objects. (These ask for `FoundationEssentials` alone; the others are what its
/// static form stands on.)
let runtimeInside: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-stdlib", "-l_FoundationCollections", "-l_FoundationCShims"], .when(configuration: .release))
]

let core: [Target] = [
    .target(name: "MailCore", path: "Shared/Core/MailCore", swiftSettings: settings, linkerSettings: linking),
    library("QueueContracts", "Shared/Core", ["MailCore"]),
]

let drivers: [Target] = [
    .systemLibrary(name: "CLibPQ", path: "Shared/Drivers/CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(
        name: "CRabbitMQ", path: "Shared/Drivers/CRabbitMQ", linkerSettings: [.linkedLibrary("rabbitmq")]),
    .systemLibrary(name: "CUnbound", path: "Shared/Drivers/CUnbound"),
    .systemLibrary(name: "CYAML", path: "Shared/Drivers/CYAML"),
    .systemLibrary(name: "CProcess", path: "Shared/Drivers/CProcess"),
    .systemLibrary(name: "CLibCrypto", path: "Shared/Drivers/CLibCrypto"),
    library("RSASigning", "Shared/Drivers", ["CLibCrypto"]),
    library("YAML", "Shared/Drivers", ["CYAML"]),
    library("BlockingWork", "Shared/Drivers"),
    library("DNSResolver", "Shared/Drivers", ["CUnbound", lifecycle]),
    library("PostgreSQL", "Shared/Drivers", ["CLibPQ", "BlockingWork", logging, lifecycle, deque]),
    library("AMQP", "Shared/Drivers", ["CRabbitMQ", "BlockingWork", logging, lifecycle, deque]),
]

let grammars: [Target] = [
    library("MailWire", "Shared/Grammar", ["MailCore"]),
    library("MessageGrammar", "Shared/Grammar", ["MailCore", "MailWire"]),
    library("MailRules", "Shared/Grammar", ["MessageGrammar"]),
    library("SMTPGrammar", "Shared/Grammar", ["MailCore", "MailWire"]),
    library("IMAPGrammar", "Shared/Grammar", ["MailCore", "MailWire", "MessageGrammar"]),
    library("POP3Grammar", "Shared/Grammar", ["MailCore", "MailWire"]),
    library("SASL", "Shared/Grammar", ["MailCore", "MailWire", crypto, cryptoExtras]),
    library("DKIM", "Shared/Grammar", ["MailCore", "MailWire", crypto, cryptoExtras]),
]

let platform: [Target] = [
    library(
        "ServiceKit", "Shared/Platform",
        ["MailCore", "YAML", "CProcess", logging, lifecycle, signals, configuration]),
    library(
        "LineServer", "Shared/Platform",
        ["MailCore", "MailWire", "ServiceKit", nio, nioPosix, nioTLS, nioSSL, logging, lifecycle, deque]),
    .target(
        name: "Storage",
        dependencies: [
            "MailCore", "QueueContracts", "BlockingWork", "PostgreSQL", "MessageGrammar", "SASL", "ServiceKit", logging,
            lifecycle,
            deque,
        ],
        path: "Shared/Platform/Storage", resources: [.embedInCode("Migrations")], swiftSettings: settings),
    library(
        "MailQueue", "Shared/Platform",
        ["MailCore", "QueueContracts", "AMQP", "Storage", "ServiceKit", logging, lifecycle]),
    library(
        "SessionWatch", "Shared/Platform",
        ["MailCore", "QueueContracts", "AMQP", "LineServer", "ServiceKit", logging, lifecycle]),
]

let services: [Target] = [
    library(
        "SMTPServer", "Services/Accept",
        [
            "MailCore", "MailWire", "SMTPGrammar", "MessageGrammar", "SASL", "LineServer", "Storage", "ServiceKit", nio,
            logging,
        ]),
    binary(
        "smtpd", "Services/Accept",
        [
            "MailCore", "SMTPServer", "LineServer", "SessionWatch", "MailQueue", "Storage", "PostgreSQL", "AMQP",
            "ServiceKit", logging, lifecycle,
        ]),
    .target(
        name: "Classifier",
        dependencies: [
            "MailCore", "MailWire", "MessageGrammar", "MailRules", "QueueContracts", "BlockingWork", "AMQP",
            "MailQueue", "Storage",
            "ServiceKit", logging, lifecycle,
        ],
        path: "Services/Classify/Classifier", exclude: ["Snapshot"], swiftSettings: settings),
    binary(
        "classifyd", "Services/Classify",
        [
            "Classifier", "MailCore", "MessageGrammar", "AMQP", "PostgreSQL", "QueueContracts", "MailQueue", "Storage",
            "ServiceKit", logging, lifecycle,
        ]),
    library(
        "MailboxFiler", "Services/Deliver",
        [
            "MailCore", "MessageGrammar", "MailRules", "QueueContracts", "MailQueue", "Storage", "ServiceKit", logging,
            lifecycle,
        ]),
    binary(
        "filerd", "Services/Deliver",
        [
            "MailboxFiler", "MailCore", "QueueContracts", "MailQueue", "Storage", "AMQP", "PostgreSQL", "ServiceKit",
            lifecycle,
        ]),
    library(
        "SMTPRelay", "Services/Deliver",
        [
            "MailCore", "MailWire", "MessageGrammar", "SMTPGrammar", "DKIM", "RSASigning", "DNSResolver",
            "QueueContracts", "AMQP", "PostgreSQL", "MailQueue", "Storage", "LineServer", "ServiceKit", nio, nioPosix,
            nioTLS, nioSSL, logging, lifecycle,
        ]),
    binary(
        "relayd", "Services/Deliver",
        [
            "SMTPRelay", "MailCore", "QueueContracts", "DNSResolver", "MailQueue", "SessionWatch", "Storage", "AMQP",
            "PostgreSQL", "ServiceKit", lifecycle,
        ]),
    library(
        "IMAPServer", "Services/Read",
        [
            "MailCore", "QueueContracts", "AMQP", "PostgreSQL", "IMAPGrammar", "MessageGrammar", "SASL", "LineServer",
            "Storage", "ServiceKit", nio, logging, lifecycle,
        ]),
    library(
        "POP3Server", "Services/Read",
        [
            "MailCore", "MailWire", "POP3Grammar", "SASL", "LineServer", "Storage", "ServiceKit", nio, logging,
            lifecycle,
        ]),
    binary(
        "accessd", "Services/Read",
        [
            "IMAPServer", "POP3Server", "LineServer", "SessionWatch", "MailQueue", "Storage", "AMQP", "PostgreSQL",
            "ServiceKit", logging, lifecycle,
        ]),
    .target(
        name: "Observatory",
        dependencies: [
            "MailCore", "QueueContracts", "MessageGrammar", "MailQueue", "Storage", "SASL", "AMQP", "PostgreSQL",
            "ServiceKit", "LineServer", nio, logging, lifecycle, deque, hummingbird, hummingbirdCore, httpTypes, jwtKit,
            crypto,
        ],
        path: "Services/Watch/Observatory", resources: [.embedInCode("Page")], swiftSettings: settings),
    binary(
        "watchd", "Services/Watch",
        ["Observatory", "QueueContracts", "MailQueue", "Storage", "AMQP", "PostgreSQL", "ServiceKit", lifecycle]),
    library(
        "Diagnosis", "Services/Watch",
        [
            "MailCore", "DKIM", "DNSResolver", "AMQP", "PostgreSQL", "QueueContracts", "MailQueue", "Storage",
            "ServiceKit", nio, nioPosix, nioSSL,
        ]),
    binary(
        "martlet", "Services/Watch",
        [
            "Diagnosis", "DKIM", "DNSResolver",
            "MailCore", "MailQueue", "Storage", "PostgreSQL", "SASL", "QueueContracts", "AMQP", "ServiceKit", arguments,
            "MessageGrammar", logging,
        ]),
]

let testTargets: [Target] = [
    tests("Classifier", ["MailCore", "MessageGrammar", "Storage"]), tests("PostgreSQL"),
    tests("ServiceKit", ["MailCore", logging]), tests("YAML"),
    tests("MailboxFiler", ["MailCore", "MessageGrammar", "Storage"]), tests("MailRules", ["MessageGrammar"]),
    tests(
        "Observatory",
        ["MailCore", "MailQueue", "QueueContracts", "SASL", "ServiceKit", "Storage", logging, lifecycle, nio, crypto]),
    tests("SessionWatch", ["MailCore", "QueueContracts", "LineServer"]),
    .testTarget(
        name: "IntegrationTests",
        dependencies: [
            "MailCore", "QueueContracts", "PostgreSQL", "AMQP", "SASL", "ServiceKit", "Storage", "MailQueue",
            "MessageGrammar", "Classifier", "DKIM", "DNSResolver", "SMTPRelay", logging, lifecycle,
        ],
        path: "Tests/Integration", swiftSettings: settings),
    tests("IMAPGrammar", ["MailCore", "MessageGrammar"]),
    tests("IMAPServer", ["MailCore", "QueueContracts", "IMAPGrammar", "LineServer", "Storage"]),
    tests("POP3Grammar", ["MailCore"]),
    tests("POP3Server", ["MailCore", "POP3Grammar", "SASL", "LineServer", "Storage"]),
    tests("SMTPGrammar"),
    tests("SMTPServer", ["MailCore", "SASL", "SMTPGrammar", "Storage", nio]), tests("SASL", ["MailCore", "MailWire"]),
    tests("SMTPRelay", ["DNSResolver", "LineServer", "MailCore", logging, nio]),
    tests("LineServer", [logging, nio, nioPosix, nioSSL]), tests("MailCore"), tests("AMQP", [logging, lifecycle]),
    tests(
        "MailQueue", ["MailCore", "QueueContracts", "AMQP", "Storage", "PostgreSQL", logging, lifecycle],
        data: ["Golden"]),
    tests("DNSResolver"), tests("DKIM", ["MailCore", "MailWire", crypto, cryptoExtras]),
    tests("RSASigning", [crypto, cryptoExtras]),
    tests("Diagnosis", ["MailCore", "DKIM", "DNSResolver", "QueueContracts", "Storage"]),
    tests("QueueContracts", ["MailCore"], data: ["Golden"]), tests("MailWire"),
    tests("MessageGrammar", data: ["Samples"]),
]

// MARK: - Fuzzing: `make fuzz` builds the grammars and the fuzz targets, all other builds know nothing of them

let isFuzzing = Context.environment["MARTLET_FUZZ"] == "1"

let oracles: [Target] = [
    .target(
        name: "FuzzOracles",
        dependencies: [
            "MailCore", "QueueContracts", "MailWire", "MessageGrammar", "SMTPGrammar", "IMAPGrammar", "POP3Grammar",
            "SASL", "DKIM", crypto,
        ],
        path: "Tests/Fuzz/Oracles", swiftSettings: settings)
]

/// libFuzzer brings `main`.
let fuzzTargets: [Target] = [
    "bus", "decoders", "dkim", "headers", "imap-commands", "imap-names", "messages", "pop3", "sasl", "smtp-commands",
    "smtp-data", "smtp-dialogue", "smtp-replies",
].map {
    .executableTarget(
        name: "fuzz-\($0)", dependencies: ["FuzzOracles"], path: "Tests/Fuzz/Targets/\($0)",
        swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])])
}

let fuzzTests: Target = .testTarget(
    name: "FuzzTests", dependencies: ["FuzzOracles"], path: "Tests/Fuzz/Suites", swiftSettings: settings)

// MARK: - Rules of direction, checked at every build

/// What a target in a folder may stand on: folders, or single targets.
func mayStandOn(_ path: String) -> [String] {
    if path.hasPrefix("Shared/Core/") { return ["Shared/Core/"] }
    if path.hasPrefix("Shared/Drivers/") { return ["Shared/Drivers/"] }
    if path.hasPrefix("Shared/Grammar/") { return ["Shared/Core/", "Shared/Grammar/"] }
    if path.hasPrefix("Services/"), let end = path.lastIndex(of: "/") {
        // A service library stands on Shared alone, a binary also on the libraries of its own stage.
        let isBinary = path[path.index(after: end)...].first?.isLowercase ?? false
        return isBinary ? ["Shared/", String(path[...end])] : ["Shared/"]
    }
    return path.hasPrefix("Shared/Platform/") ? ["Shared/"] : ["Shared/", "Services/", "Tests/"]
}

let allTargets =
    core + grammars + oracles
    + (isFuzzing ? fuzzTargets : drivers + platform + services + testTargets + [fuzzTests])
let paths = Dictionary(uniqueKeysWithValues: allTargets.map { ($0.name, $0.path ?? "") })
for target in allTargets {
    for case .byNameItem(let name, _) in target.dependencies {
        let path = paths[name] ?? "outside"
        if !mayStandOn(target.path ?? "").contains(where: path.hasPrefix) {
            fatalError(
                "\(target.name) (\(target.path ?? "")) must not stand on \(name) (\(path)): see ARCHITECTURE.md, Layers"
            )
        }
    }
}

let binaries = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    products: isFuzzing
        ? []
        : binaries.map { .executable(name: "martlet-\($0)", targets: [$0]) }
            + [.executable(name: "martlet", targets: ["martlet"])],
    dependencies: packages,
    targets: allTargets,
    swiftLanguageModes: [.v6]
)
