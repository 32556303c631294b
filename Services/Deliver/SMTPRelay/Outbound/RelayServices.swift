package import Logging
package import MailCore
package import ServiceKit
package import Storage

/// What every run of a destination works with.
package struct RelayServices: Sendable {
    package let store: RelayStore
    package let leases: LeaseKeeper
    package let recorder: RelayRecorder
    package let contents: RelayContents
    package let connector: RelayConnector
    /// They follow the settings.
    package let liveSchedule: LiveSetting<RelaySchedule>
    package let liveLimits: LiveSetting<RelayLimits>
    package let logger: Logger
    /// Told of mails that were parked.
    package let onParked: @Sendable ([MailID]) -> Void

    package init(
        store: RelayStore, leases: LeaseKeeper, recorder: RelayRecorder, contents: RelayContents,
        connector: RelayConnector, schedule: LiveSetting<RelaySchedule>, limits: LiveSetting<RelayLimits>,
        logger: Logger,
        onParked: @escaping @Sendable ([MailID]) -> Void
    ) {
        self.store = store
        self.leases = leases
        self.recorder = recorder
        self.contents = contents
        self.connector = connector
        self.liveSchedule = schedule
        self.liveLimits = limits
        self.logger = logger
        self.onParked = onParked
    }

    package var schedule: RelaySchedule { liveSchedule.value }
    package var limits: RelayLimits { liveLimits.value }
}
