import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a broker of Amazon MSK makes of a token: it is a presigned request for kafka-cluster:Connect, in base64 for URLs.
 *
 * Options of the JAAS entry: the access key, its secret, the session token of temporary credentials, and the hosts that
 * a request may be for. Why a token is refused is in the broker's log alone, as with any OAUTHBEARER listener.
 */
public class MskIam implements AuthenticateCallbackHandler {
    private static final Logger LOG = LoggerFactory.getLogger(MskIam.class);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);
    private static final Duration LONGEST = Duration.ofMinutes(15);

    private Map<String, ?> options;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        options = entries.get(0).getOptions();
    }

    @Override
    public void close() {}

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            // Extensions are not for MSK: the callback for them is answered with this exception, which lets none pass.
            if (!(callback instanceof OAuthBearerValidatorCallback asked)) throw new UnsupportedCallbackException(callback);
            try {
                asked.token(judge(asked.tokenValue()));
            } catch (Exception why) {
                LOG.warn("a token of MSK IAM is refused: {}", why.toString());
                asked.error("invalid_token", null, null);
            }
        }
    }

    private OAuthBearerToken judge(String token) throws Exception {
        URI request = URI.create(new String(Base64.getUrlDecoder().decode(token), UTF_8));
        Map<String, String> query = new TreeMap<>();
        for (String pair : request.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(URLDecoder.decode(parts[0], UTF_8), URLDecoder.decode(parts[1], UTF_8));
        }
        String host = request.getHost();
        need(request.getScheme().equals("https") && request.getRawPath().equals("/"), "the address " + host + request.getRawPath());
        need(List.of(option("hosts").split(",")).contains(host), "the host " + host);
        need("kafka-cluster:Connect".equals(query.get("Action")), "the action " + query.get("Action"));
        need("AWS4-HMAC-SHA256".equals(query.get("X-Amz-Algorithm")), "the algorithm " + query.get("X-Amz-Algorithm"));
        need("host".equals(query.get("X-Amz-SignedHeaders")), "the signed headers " + query.get("X-Amz-SignedHeaders"));

        // ACCESS_KEY/DAY/REGION/SERVICE/aws4_request
        String[] credential = query.get("X-Amz-Credential").split("/");
        String time = query.get("X-Amz-Date");
        need(credential.length == 5 && credential[0].equals(option("accessKey")), "the access key " + credential[0]);
        need(credential[1].equals(time.substring(0, 8)), "the day " + credential[1]);
        need(host.startsWith("kafka." + credential[2] + "."), "the region " + credential[2]);
        need(credential[3].equals("kafka-cluster") && credential[4].equals("aws4_request"), "the service " + credential[3]);
        String session = query.get("X-Amz-Security-Token");
        need(session == null || session.equals(option("sessionToken")), "the session has ended");

        Duration life = Duration.ofSeconds(Long.parseLong(query.get("X-Amz-Expires")));
        Instant start = TIME.parse(time, Instant::from), end = start.plus(life), now = Instant.now();
        need(life.compareTo(LONGEST) <= 0, "a life of " + life);
        need(!start.isAfter(now.plusSeconds(60)) && now.isBefore(end), "the time " + time + " and a life of " + life);

        // AWS's own signers add the user agent after they have signed.
        query.remove("User-Agent");
        String signature = query.remove("X-Amz-Signature");
        need(signature(host, query, credential, time).equals(signature), "the signature");
        return new OAuthBearerToken() {
            @Override public String value() { return token; }
            @Override public Set<String> scope() { return Set.of(); }
            @Override public long lifetimeMs() { return end.toEpochMilli(); }
            @Override public String principalName() { return credential[0]; }
            @Override public Long startTimeMs() { return start.toEpochMilli(); }
        };
    }

    /** Signature Version 4 of a request without a body, whose signature is in its query. */
    private String signature(String host, Map<String, String> query, String[] credential, String time) throws Exception {
        String pairs = query.entrySet().stream().map(one -> encoded(one.getKey()) + "=" + encoded(one.getValue())).collect(Collectors.joining("&"));
        String request = String.join("\n", "GET", "/", pairs, "host:" + host, "", "host", digest(""));
        String scope = String.join("/", credential[1], credential[2], credential[3], credential[4]);
        byte[] key = ("AWS4" + option("secretKey")).getBytes(UTF_8);
        for (String part : scope.split("/")) key = hmac(key, part);
        return HexFormat.of().formatHex(hmac(key, String.join("\n", "AWS4-HMAC-SHA256", time, scope, digest(request))));
    }

    private String option(String name) {
        return (String) options.get(name);
    }

    private static void need(boolean so, String what) {
        if (!so) throw new IllegalArgumentException(what);
    }

    /** Percent-encoding as AWS has it: unreserved characters stay. */
    private static String encoded(String text) {
        return URLEncoder.encode(text, UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }

    private static String digest(String text) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)));
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(UTF_8));
    }
}
