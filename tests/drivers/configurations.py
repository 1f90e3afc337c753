"""The drivers, and each way that they are configured here: TDS version, encryption, and whether they verify."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """One way to configure one driver."""

    driver: str
    # Of the driver's own words: what CLOSEWAIT_TDS and CLOSEWAIT_ENCRYPT say to its client.
    tds: str
    encrypt: str
    # What its PRELOGIN was seen to say for ENCRYPTION: `not-supported`, `off` (login packet only), `on`; `strict` is TLS
    # first, `nothing` a LOGIN7 without a PRELOGIN.
    asks: str
    # Whether it verifies the server's certificate against the one that the server wrote out.
    verifies: bool = False
    # Which faults it stands for its driver in: `plain`, `tls`, `tls-verified`, `strict`.
    role: str = ""

    @property
    def name(self):
        words = [self.driver, self.tds, self.encrypt, "verified" if self.verifies else ""]
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Driver:
    """A driver: how its client is started, and what it needs."""

    name: str
    # The client's command; `{work}` is the runner's work directory, `{clients}` the folder of the clients.
    command: tuple
    # Commands and files without which it is missing here.
    needs: tuple
    # Prints its version.
    version: tuple
    # Where it comes from, as the results name it.
    source: str
    # Whether freetds.conf configures it.
    freetds: bool = False


PYTHON = "{work}/venv/bin/python"


def python_version(package):
    return (PYTHON, "-c", "import importlib.metadata as m; print(m.version(%r))" % package)


def debian_version(package):
    return ("dpkg-query", "-W", "-f=${Version}", package)


def cargo_version(package):
    return ("cargo", "tree", "--manifest-path", "{here}/rust/Cargo.toml", "--offline", "--prefix", "none", "--depth", "0", "-p", package)


def _python(client, package, source, freetds=False):
    command = (PYTHON, "{clients}/%s_client.py" % client)
    return Driver(package, command, ("{work}/venv/installed",), python_version(package), source, freetds)


DRIVERS = {
    driver.name: driver
    for driver in (
        Driver(
            "tsql",
            ("python3", "{clients}/tsql_client.py"),
            ("tsql",),
            debian_version("freetds-bin"),
            "Debian freetds-bin",
            freetds=True,
        ),
        Driver(
            "bsqldb",
            ("python3", "{clients}/bsqldb_client.py"),
            ("bsqldb",),
            debian_version("freetds-bin"),
            "Debian freetds-bin",
            freetds=True,
        ),
        _python("pymssql", "pymssql", "PyPI (FreeTDS inside)", freetds=True),
        _python("pytds", "python-tds", "PyPI"),
        _python("mssql_python", "mssql-python", "PyPI (Microsoft ODBC Driver 18 inside)"),
        Driver(
            "tedious",
            ("node", "{clients}/tedious_client.js"),
            ("node", "{work}/node/node_modules/tedious/package.json"),
            ("node", "-p", "require('{work}/node/node_modules/tedious/package.json').version"),
            "npm",
        ),
        Driver(
            "tiberius",
            ("{work}/rust/debug/closewait-drivers", "tiberius"),
            ("{work}/rust/debug/closewait-drivers",),
            cargo_version("tiberius"),
            "crates.io",
        ),
        Driver(
            "mssql-client",
            ("{work}/rust/debug/closewait-drivers", "mssql-client"),
            ("{work}/rust/debug/closewait-drivers",),
            cargo_version("mssql-client"),
            "crates.io",
        ),
        Driver(
            "jTDS",
            ("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", "{work}/java:/usr/share/java/jtds.jar", "Jtds"),
            ("java", "{work}/java/Jtds.class", "/usr/share/java/jtds.jar"),
            debian_version("libjtds-java"),
            "Debian libjtds-java",
        ),
        Driver(
            "DBD::Sybase",
            ("perl", "{clients}/dbd_sybase_client.pl"),
            ("perl", "/usr/lib/*/perl5/*/DBD/Sybase.pm"),
            debian_version("libdbd-sybase-perl"),
            "Debian libdbd-sybase-perl (FreeTDS)",
            freetds=True,
        ),
        Driver(
            "PDO_DBLIB",
            ("php", "{clients}/pdo_dblib_client.php"),
            ("php", "/etc/php/*/cli/conf.d/*pdo_dblib.ini"),
            ("php", "-r", "echo PHP_VERSION;"),
            "Debian php-sybase (FreeTDS)",
            freetds=True,
        ),
        Driver(
            "FreeTDS ODBC",
            (PYTHON, "{clients}/pyodbc_client.py"),
            ("{work}/venv/installed", "/usr/lib/*/odbc/libtdsodbc.so"),
            debian_version("tdsodbc"),
            "Debian tdsodbc, by PyPI pyodbc",
            freetds=True,
        ),
        Driver(
            "go-mssqldb",
            ("{work}/go-client",),
            ("{work}/go-client",),
            debian_version("golang-github-denisenkom-go-mssqldb-dev"),
            "Debian golang-github-denisenkom-go-mssqldb-dev",
        ),
    )
}

# FreeTDS' words for encryption, and what its PRELOGIN was seen to say then.
FREETDS = (("off", "not-supported"), ("request", "off"), ("require", "on"))


def _freetds(driver, versions, newest="7.4"):
    """Each version with each encryption; the newest stands for the driver."""
    for tds in versions:
        for encrypt, asks in FREETDS:
            role = {"off": "plain", "require": "tls"}.get(encrypt, "") if tds == newest else ""
            yield Configuration(driver, tds, encrypt, asks, role=role)
    yield Configuration(driver, newest, "require", "on", verifies=True, role="tls-verified")


ALL_VERSIONS = ("7.1", "7.2", "7.3", "7.4")

CONFIGURATIONS = (
    *_freetds("tsql", ALL_VERSIONS),
    *_freetds("bsqldb", ALL_VERSIONS),
    *_freetds("pymssql", ALL_VERSIONS),
    *_freetds("DBD::Sybase", ("7.1", "7.4")),
    *_freetds("PDO_DBLIB", ("7.1", "7.4")),
    *_freetds("FreeTDS ODBC", ("7.1", "7.4")),
    *(Configuration("python-tds", tds, "none", "not-supported", role="plain" if tds == "7.4" else "") for tds in ALL_VERSIONS),
    Configuration("python-tds", "7.4", "login", "off", verifies=True),
    Configuration("python-tds", "7.4", "whole", "on", verifies=True, role="tls-verified"),
    Configuration("mssql-python", "7.4", "Optional", "off", role="plain"),
    Configuration("mssql-python", "7.4", "Mandatory", "on", role="tls"),
    Configuration("mssql-python", "7.4", "Mandatory", "on", verifies=True, role="tls-verified"),
    Configuration("mssql-python", "8.0", "Strict", "strict", verifies=True, role="strict"),
    *(Configuration("tedious", tds, "false", "not-supported", role="plain" if tds == "7_4" else "") for tds in ("7_1", "7_2", "7_3_A", "7_4")),
    Configuration("tedious", "7_4", "true", "on", role="tls"),
    Configuration("tedious", "7_4", "true", "on", verifies=True, role="tls-verified"),
    Configuration("tedious", "7_4", "strict", "strict", verifies=True, role="strict"),
    Configuration("tedious", "8_0", "strict", "strict", verifies=True),
    Configuration("tiberius", "7.4", "not-supported", "not-supported", role="plain"),
    Configuration("tiberius", "7.4", "off", "off"),
    Configuration("tiberius", "7.4", "on", "on"),
    Configuration("tiberius", "7.4", "required", "on", role="tls"),
    Configuration("tiberius", "7.4", "required", "on", verifies=True, role="tls-verified"),
    Configuration("tiberius", "7.4", "strict", "strict", verifies=True, role="strict"),
    Configuration("mssql-client", "7.4", "no-tls", "not-supported", role="plain"),
    Configuration("mssql-client", "7.4", "false", "off"),
    Configuration("mssql-client", "7.4", "true", "on", role="tls"),
    Configuration("mssql-client", "7.4", "true", "on", verifies=True, role="tls-verified"),
    Configuration("mssql-client", "8.0", "strict", "strict", verifies=True, role="strict"),
    Configuration("jTDS", "7.0", "off", "nothing"),
    Configuration("jTDS", "8.0", "off", "nothing", role="plain"),
    Configuration("jTDS", "8.0", "request", "off"),
    Configuration("jTDS", "8.0", "require", "on", role="tls"),
    Configuration("jTDS", "8.0", "authenticate", "on", verifies=True, role="tls-verified"),
    Configuration("go-mssqldb", "7.4", "disable", "not-supported", role="plain"),
    Configuration("go-mssqldb", "7.4", "false", "off"),
    Configuration("go-mssqldb", "7.4", "true", "on", role="tls"),
    Configuration("go-mssqldb", "7.4", "true", "on", verifies=True, role="tls-verified"),
)


def representatives(role):
    return [one for one in CONFIGURATIONS if one.role == role]
