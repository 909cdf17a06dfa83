import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs the statements of a file in a Flink of its own, in batch mode, and prints what they answer: {@code Sql.java FILE}. */
public class Sql {
    public static void main(String[] arguments) throws Exception {
        var tables = TableEnvironment.create(EnvironmentSettings.inBatchMode());
        for (String statement : Files.readString(Path.of(arguments[0])).split(";\\s*")) {
            tables.executeSql(statement).print();
        }
    }
}
