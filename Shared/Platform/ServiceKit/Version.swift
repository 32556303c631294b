/// The version that `--version`, the greeting of a protocol and telemetry show.
package enum Version {
    package static let current = "0.1.0"
}
