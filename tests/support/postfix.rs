//! A real relay: an instance of Debian's Postfix of the test's own, that delivers every message into one Maildir.
//!
//! It has its own configuration, queue, data and log in a temporary folder, so the system's instance, running or not, is
//! not touched. Postfix's commands are root's: for anybody else a test with it is left out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::certificates::{Authority, Certificate};
use super::tools::{free_port, is_root, leave_out, require};

/// A port may be taken between finding and using it; more clashes in a row than this mean something else is wrong.
const STARTS_MAX: usize = 5;
/// Debian's `nobody`: delivers into the Maildir.
const DELIVERY_UID: u32 = 65_534;
/// Debian's `nogroup`.
const DELIVERY_GID: u32 = 65_534;
/// The relay's own name; no message is addressed to it.
const HOST: &str = "relay.example.net";

/// What kind of relay is wanted.
#[derive(Debug, Clone, Default)]
pub struct PostfixOptions {
    /// `None`: no TLS. Else STARTTLS is required on [`Postfix::port`], and [`Postfix::implicit_tls_port`] answers in TLS.
    pub tls: Option<Certificate>,
    /// Only [`Postfix::USER`] with [`Postfix::PASSWORD`] may send, by AUTH PLAIN or LOGIN (with `tls`: only inside it).
    pub sasl: bool,
    /// Further lines of main.cf, which win over the ones here: `("smtpd_recipient_restrictions", "…")`.
    pub settings: Vec<(String, String)>,
}

/// A running relay; stopped when dropped.
pub struct Postfix {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    implicit_tls_port: u16,
}

impl Postfix {
    /// Who may send where `sasl` is on.
    pub const USER: &'static str = "candor";
    /// That user's password.
    pub const PASSWORD: &'static str = "correct horse battery staple";

    /// Starts a relay. `None` where Postfix is not installed or the test is not root's (see [`require`]).
    ///
    /// # Panics
    /// Where it is installed and does not start; the relay's log is in the message.
    #[must_use]
    pub fn start(options: &PostfixOptions) -> Option<Self> {
        let program = require("postfix")?;
        if options.sasl {
            require("saslpasswd2")?;
        }
        if !is_root() {
            leave_out("Postfix can be started by root only");
            return None;
        }
        let folder = TempDir::with_prefix("candor-postfix-").expect("the temporary folder is writable");
        // Postfix's servers run under several accounts and all walk through here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
        let mut relay = Self { folder, program, port: 0, implicit_tls_port: 0 };
        relay.lay_out(options);
        for _ in 0..STARTS_MAX {
            (relay.port, relay.implicit_tls_port) = (free_port(), free_port());
            fs::write(relay.folder.path().join("conf/master.cf"), relay.master_cf(options))
                .expect("the folder is ours");
            // `postfix start` returns when the master daemon has bound its ports, or could not.
            if relay.control("start") {
                return Some(relay);
            }
        }
        panic!("Postfix did not start in {STARTS_MAX} tries:\n{}", relay.log());
    }

    /// The port on 127.0.0.1 that begins in the clear (STARTTLS where `tls` is on).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port on 127.0.0.1 that is TLS from the first byte; nothing listens there without `tls`.
    #[must_use]
    pub fn implicit_tls_port(&self) -> u16 {
        self.implicit_tls_port
    }

    /// The authority to trust, a PEM file; there with `tls` only.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Everything delivered so far, each with Postfix's `Return-Path`, `X-Original-To`, `Delivered-To` and `Received`.
    ///
    /// Bounces to the sender's address arrive here too. Delivery follows the 250 by some milliseconds: wait for it.
    #[must_use]
    pub fn delivered(&self) -> Vec<Vec<u8>> {
        // The folder comes with the first message; a file is moved in when it is complete.
        let Ok(entries) = fs::read_dir(self.folder.path().join("mail/inbox/new")) else { return Vec::new() };
        entries.map(|entry| fs::read(entry.expect("it can be listed").path()).expect("it is readable")).collect()
    }

    /// Where the relay writes its log, in the form that `candor reconcile` reads.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log/maillog")
    }

    /// The log so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Runs `postfix -c DIR COMMAND` (`start`, `stop`, `flush`, `reload`); true if it succeeded.
    pub fn control(&self, command: &str) -> bool {
        Command::new(&self.program)
            .arg("-c")
            .arg(self.folder.path().join("conf"))
            .arg(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Makes the folders, main.cf, the certificate and the password file.
    fn lay_out(&self, options: &PostfixOptions) {
        let root = self.folder.path();
        for name in ["conf", "conf/sasl", "queue", "data", "log", "mail"] {
            fs::create_dir(root.join(name)).expect("the folder is ours");
        }
        let (uid, gid) = account();
        chown(root.join("data"), Some(uid), Some(gid)).expect("root may give files away");
        chown(root.join("mail"), Some(DELIVERY_UID), Some(DELIVERY_GID)).expect("root may give files away");
        let mut settings = main_cf(root);
        if let Some(kind) = options.tls {
            let files = Authority::new(root, "authority").issue(root, kind);
            settings.push_str(&format!(
                "smtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\nsmtpd_tls_auth_only = yes\n",
                files.certificate.display(),
                files.key.display()
            ));
        }
        if options.sasl {
            settings.push_str(
                "smtpd_sasl_auth_enable = yes\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n",
            );
            self.write_password(uid, gid);
        }
        for (name, value) in &options.settings {
            settings.push_str(&format!("{name} = {value}\n"));
        }
        fs::write(root.join("conf/main.cf"), settings).expect("the folder is ours");
    }

    /// One user in a Cyrus SASL database that Postfix's server may read.
    fn write_password(&self, uid: u32, gid: u32) {
        use std::io::Write;
        let database = self.folder.path().join("sasldb2");
        let program = require("saslpasswd2").expect("it was there a moment ago");
        let mut child = Command::new(program)
            .args(["-p", "-c", "-u", HOST, "-f"])
            .arg(&database)
            .arg(Self::USER)
            .stdin(Stdio::piped())
            .spawn()
            .expect("saslpasswd2 starts");
        child.stdin.take().expect("it is piped").write_all(Self::PASSWORD.as_bytes()).expect("it reads the password");
        assert!(child.wait().expect("it is our child").success(), "saslpasswd2 made no password");
        chown(&database, Some(uid), Some(gid)).expect("root may give files away");
        let settings = format!(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
            database.display()
        );
        // Debian's build looks for it beside main.cf, whatever cyrus_sasl_config_path says.
        fs::write(self.folder.path().join("conf/sasl/smtpd.conf"), settings).expect("the folder is ours");
    }

    /// The services: one port in the clear, one in TLS where there is a certificate, and Postfix's own.
    fn master_cf(&self, options: &PostfixOptions) -> String {
        let level = if options.tls.is_some() { "encrypt" } else { "none" };
        let mut services =
            format!("127.0.0.1:{} inet n - n - - smtpd -o smtpd_tls_security_level={level}\n", self.port);
        if options.tls.is_some() {
            let port = self.implicit_tls_port;
            services.push_str(&format!("127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"));
        }
        services.push_str(POSTFIX_SERVICES);
        services
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.control("stop");
    }
}

/// Every service without chroot: the queue folder has no copy of the libraries.
const POSTFIX_SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
tlsmgr unix - - n 1000? 1 tlsmgr
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
";

/// main.cf for a relay under `root` that is the final destination of every domain.
fn main_cf(root: &Path) -> String {
    let root = root.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log/maillog
maillog_file_prefixes = {root}
myhostname = {HOST}
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {HOST}
smtpd_client_connection_count_limit = 0
virtual_mailbox_domains = static:all
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{DELIVERY_UID}
virtual_gid_maps = static:{DELIVERY_GID}
alias_maps =
alias_database =
local_recipient_maps =
"
    )
}

/// User and group of the account `postfix`, that Debian's package makes.
fn account() -> (u32, u32) {
    static ACCOUNT: OnceLock<(u32, u32)> = OnceLock::new();
    *ACCOUNT.get_or_init(|| {
        let accounts = fs::read_to_string("/etc/passwd").expect("the accounts are readable");
        let line =
            accounts.lines().find(|line| line.starts_with("postfix:")).expect("Postfix's package makes its account");
        let mut ids = line.split(':').skip(2).map(|field| field.parse().expect("user and group are numbers"));
        (ids.next().expect("a line has a user"), ids.next().expect("a line has a group"))
    })
}
