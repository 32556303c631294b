package import Logging
package import ServiceKit

extension TLSCertificates {
    /// The files of `tls.certificate` and `tls.key`. A reload of the settings reads them again, and names of other files,
    /// too; files that are not usable refuse the reload.
    package convenience init(settings: Settings, logger: Logger) throws {
        try self.init(
            certificateFile: try settings.required("tls.certificate"), keyFile: try settings.required("tls.key"),
            logger: logger)
        settings.onReload { settings in
            try self.prepare(
                certificateFile: try settings.required("tls.certificate"), keyFile: try settings.required("tls.key"))
        }
    }
}
