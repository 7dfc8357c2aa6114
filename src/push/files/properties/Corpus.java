import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.Random;

/**
 * Files and what java.util.Properties reads in them, one case a line: the file in hexadecimal, a blank, and
 * "!" where it is refused, else each KEY=VALUE in the order read, both in hexadecimal UTF-16, with a "," behind.
 *
 * java Corpus.java SEED COUNT
 */
public final class Corpus {
    private static final String[] NASTY = {
        "", "a", "=", ":", " ", "\\", "\\\n", "\\\n ", "a=b\\", "a=b\\\n", "a=b\\\\\n", "a=b\\\\\\\n c",
        "\\\n#c\na=b", "\\\n\n\na=b", "a\\\n#c", "a=b\\\n\nc=d", "a=b\\\n   \\\n  c", "#a\\\nb=c", "!a\\\nb=c",
        " # c\n\t! d\n\fe=f", "a = b ", "a : b", "a   b", "a   =   b", "a==b", "a=:b", "a:=b", "a b=c", "a\tb\fc",
        "a\\ b=c", "a\\=b=c", "a\\:b:c", "\\#a=b", "a=\\u0041\\u00e9", "a=\\uD83D\\uDE00", "a=\\uD83D", "a=\\uDE00x",
        "a=\\u004", "a=\\u00g1", "a=\\U0041", "a=\\x\\q\\\"", "a=\\t\\n\\r\\f\\b", "\\u0061\\u003d=b", "\\u0023=b",
        "a=b\r\nc=d\re=f\n\rg=h", "a=\\\r\nb", "a=\\\r\n\r\nb=c", "a=\\\r\rb=c", "a=\u00e9\u4e2d", "\u00a0a=b", "a=b\u0085c=d",
        "a=1\na=2", "a=\\ b", "a= \\ b", "a=\\", "a\\\\=b", "a\\\\\\=b=c", "a\0b=c\0d", "a=\\\n\\\n\\\nb", "a=b\u2028c",
    };
    private static final String[] PIECES = {
        "a", "b", "key", "x.y", "0", "=", "=", ":", " ", " ", "\t", "\f", "\n", "\n", "\n", "\r", "\r\n", "\\", "\\",
        "\\\n", "\\\r\n", "\\\\", "#", "!", "\\u0041", "\\u00E9", "\\ud83d\\ude00", "\\uD83D", "\\u12", "\\t", "\\n",
        "\\q", "\\ ", "\\=", "\\:", "\u00e9", "\u4e2d", "\ud83d\ude00", "\"", "'", "u", "n",
    };

    public static void main(String[] args) {
        Random random = new Random(Long.parseLong(args[0]));
        for (String file : NASTY) {
            say(file.getBytes(StandardCharsets.UTF_8));
        }
        for (int left = Integer.parseInt(args[1]); left > 0; left--) {
            StringBuilder file = new StringBuilder();
            for (int pieces = 1 + random.nextInt(24); pieces > 0; pieces--) {
                file.append(PIECES[random.nextInt(PIECES.length)]);
            }
            boolean latin = random.nextInt(8) == 0;
            say(file.toString().getBytes(latin ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8));
        }
    }

    private static void say(byte[] file) {
        StringBuilder line = new StringBuilder();
        for (byte each : file) {
            line.append(String.format("%02x", each));
        }
        line.append(' ');
        try {
            StringBuilder pairs = new StringBuilder();
            Properties read = new Properties() {
                @Override
                public synchronized Object put(Object key, Object value) {
                    pairs.append(units(key)).append('=').append(units(value)).append(',');
                    return super.put(key, value);
                }
            };
            if (isUtf8(file)) {
                read.load(new InputStreamReader(new ByteArrayInputStream(file), StandardCharsets.UTF_8));
            } else {
                read.load(new ByteArrayInputStream(file));
            }
            line.append(pairs);
        } catch (IllegalArgumentException refused) {
            line.append('!');
        } catch (java.io.IOException never) {
            throw new IllegalStateException(never);
        }
        System.out.println(line);
    }

    private static String units(Object text) {
        StringBuilder units = new StringBuilder();
        for (char unit : ((String) text).toCharArray()) {
            units.append(String.format("%04x", (int) unit));
        }
        return units.toString();
    }

    private static boolean isUtf8(byte[] file) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file));
            return true;
        } catch (CharacterCodingException other) {
            return false;
        }
    }
}
