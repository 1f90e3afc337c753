import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** jTDS 1.3: one login, SELECT 1, one line of JSON. TDS "8.0" is its name for 7.1, and the newest that it knows. */
public final class Jtds {
    public static void main(String[] arguments) throws Exception {
        long started = System.nanoTime();
        String answer;
        try {
            // Debian's jar does not announce its driver.
            Class.forName("net.sourceforge.jtds.jdbc.Driver");
            trust(System.getenv("CLOSEWAIT_CERTIFICATE"));
            answer = "\"result\": \"row\", \"value\": " + selectOne();
        } catch (SQLException error) {
            String number = error.getErrorCode() == 0 ? "null" : Integer.toString(error.getErrorCode());
            answer = "\"result\": \"error\", \"number\": " + number + ", \"text\": " + quoted(error.getMessage())
                + ", \"kind\": " + quoted(error.getClass().getSimpleName() + " " + error.getSQLState());
        } catch (Exception error) {
            answer = "\"result\": \"error\", \"number\": null, \"text\": " + quoted(error.toString()) + ", \"kind\": "
                + quoted(error.getClass().getSimpleName());
        }
        System.out.println("{" + answer + ", \"seconds\": " + (System.nanoTime() - started) / 1e9 + "}");
    }

    private static int selectOne() throws SQLException {
        String url = "jdbc:jtds:sqlserver://" + System.getenv("CLOSEWAIT_HOST") + ":" + System.getenv("CLOSEWAIT_PORT")
            + "/" + System.getenv("CLOSEWAIT_DATABASE") + ";tds=" + System.getenv("CLOSEWAIT_TDS") + ";ssl="
            + System.getenv("CLOSEWAIT_ENCRYPT") + ";loginTimeout=3;socketTimeout=3";
        try (Connection connection = DriverManager.getConnection(
                url, System.getenv("CLOSEWAIT_USER"), System.getenv("CLOSEWAIT_PASSWORD"));
            Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(3);
            try (ResultSet rows = statement.executeQuery("SELECT 1")) {
                if (!rows.next()) {
                    throw new SQLException("no row");
                }
                return rows.getInt(1);
            }
        }
    }

    /** `ssl=authenticate` verifies by the virtual machine's default trust. */
    private static void trust(String path) throws Exception {
        if (path == null) {
            return;
        }
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(path)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("server" + store.size(), one);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : String.valueOf(text).toCharArray()) {
            if (letter == '"' || letter == '\\') {
                quoted.append('\\').append(letter);
            } else if (letter < ' ' || letter > '~') {
                quoted.append(String.format("\\u%04x", (int) letter));
            } else {
                quoted.append(letter);
            }
        }
        return quoted.append('"').toString();
    }
}
