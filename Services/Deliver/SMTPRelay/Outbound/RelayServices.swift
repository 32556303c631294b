package import Logging
package import MailCore
package import Storage

/// What every run of a destination works with.
package struct RelayServices: Sendable {
    package let store: RelayStore
    package let leases: LeaseKeeper
    package let recorder: RelayRecorder
    package let contents: RelayContents
    package let connector: RelayConnector
    package let schedule: RelaySchedule
    package let limits: RelayLimits
    package let logger: Logger
    /// Told of mails that were parked.
    package let onParked: @Sendable ([MailID]) -> Void

    package init(
        store: RelayStore, leases: LeaseKeeper, recorder: RelayRecorder, contents: RelayContents,
        connector: RelayConnector, schedule: RelaySchedule, limits: RelayLimits, logger: Logger,
        onParked: @escaping @Sendable ([MailID]) -> Void
    ) {
        self.store = store
        self.leases = leases
        self.recorder = recorder
        self.contents = contents
        self.connector = connector
        self.schedule = schedule
        self.limits = limits
        self.logger = logger
        self.onParked = onParked
    }
}
