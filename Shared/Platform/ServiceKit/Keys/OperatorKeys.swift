extension SettingKey {
    /// What the operator's command reads besides the daemons' settings.
    package static let doctor: [SettingKey] = [
        SettingKey(
            "doctor.paths", "list", default: "/, /var/lib, /var/log, /tmp",
            "folders whose file systems must have room")
    ]
}
