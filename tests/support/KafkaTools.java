import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Scanner;

/** Runs Kafka's tools one after the other: a start of Java takes longer than a tool. */
class KafkaTools {
    public static void main(String[] given) throws Exception {
        Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split("\t");
            String[] rest = Arrays.copyOfRange(words, 1, words.length);
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
            System.out.println("\u001e");
        }
        System.exit(0);
    }
}
