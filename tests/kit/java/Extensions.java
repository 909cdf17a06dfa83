import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredJws;
import org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler;

/**
 * Kafka's unsecured validator, which takes any extensions, and a rule for them: a token whose claim "extensions" is a list
 * of NAME=VALUE wants exactly these beside it.
 */
public class Extensions extends OAuthBearerUnsecuredValidatorCallbackHandler {
    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        super.handle(callbacks);
        for (Callback callback : callbacks) {
            if (!(callback instanceof OAuthBearerExtensionsValidatorCallback asked)) continue;
            if (!(((OAuthBearerUnsecuredJws) asked.token()).rawClaim("extensions") instanceof List<?> listed)) continue;
            Map<String, String> wanted = new TreeMap<>();
            for (Object pair : listed) wanted.put(pair.toString().split("=", 2)[0], pair.toString().split("=", 2)[1]);
            if (!wanted.equals(asked.inputExtensions().map())) {
                asked.error("extensions", "wanted are " + wanted + ", got were " + asked.inputExtensions().map());
            }
        }
    }
}
