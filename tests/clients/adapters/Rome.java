// What ROME reads of the documents named on the command line, as JSON.
import com.rometools.rome.feed.synd.SyndEntry;
import com.rometools.rome.feed.synd.SyndFeed;
import com.rometools.rome.feed.synd.SyndLink;
import com.rometools.rome.io.SyndFeedInput;
import com.rometools.rome.io.XmlReader;
import java.io.File;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

class Rome {
    static String json(Object value) {
        if (value == null) return "null";
        if (value instanceof Date) return json(((Date) value).toInstant().toString());
        if (value instanceof Map) {
            List<String> members = new ArrayList<>();
            ((Map<?, ?>) value).forEach((name, one) -> members.add(json(name) + ":" + json(one)));
            return "{" + String.join(",", members) + "}";
        }
        if (value instanceof Collection) return "[" + String.join(",", map((Collection<?>) value, Rome::json)) + "]";
        StringBuilder text = new StringBuilder("\"");
        for (char one : value.toString().toCharArray())
            text.append(one < ' ' || one > '~' || one == '"' || one == '\\' ? String.format("\\u%04x", (int) one) : one);
        return text.append('"').toString();
    }

    static <T, R> List<R> map(Collection<T> values, Function<? super T, R> by) {
        List<R> mapped = new ArrayList<>();
        if (values != null) for (T value : values) mapped.add(by.apply(value));
        return mapped;
    }

    static Map<String, Object> entry(SyndEntry entry) {
        Map<String, Object> fields = new LinkedHashMap<>();
        String description = entry.getDescription() == null ? null : entry.getDescription().getValue();
        fields.put("title", entry.getTitle());
        fields.put("link", entry.getLink());
        fields.put("id", entry.getUri());
        fields.put("published", entry.getPublishedDate());
        fields.put("updated", entry.getUpdatedDate());
        List<String> authors = map(entry.getAuthors(), one -> one.getName());
        if (authors.isEmpty() && entry.getAuthor() != null) authors.add(entry.getAuthor());
        fields.put("authors", authors);
        fields.put("categories", map(entry.getCategories(), one -> one.getName()));
        fields.put("content", entry.getContents().isEmpty() ? description : entry.getContents().get(0).getValue());
        fields.put("summary", description);
        List<String> related = new ArrayList<>();
        for (SyndLink link : entry.getLinks()) if ("related".equals(link.getRel())) related.add(link.getHref());
        fields.put("related", related);
        return fields;
    }

    public static void main(String[] paths) {
        Map<String, Object> documents = new LinkedHashMap<>();
        for (String path : paths) {
            try {
                SyndFeed read = new SyndFeedInput().build(new XmlReader(new File(path)));
                Map<String, Object> fields = new LinkedHashMap<>();
                fields.put("feed title", read.getTitle());
                fields.put("feed page", read.getLink());
                fields.put("feed description", read.getDescription());
                fields.put("feed language", read.getLanguage());
                fields.put("feed icon", read.getImage() == null ? null : read.getImage().getUrl());
                fields.put("entries", map(read.getEntries(), Rome::entry));
                documents.put(path, fields);
            } catch (Exception error) {
                documents.put(path, error.toString());
            }
        }
        String version = Objects.toString(SyndFeed.class.getPackage().getImplementationVersion(), "");
        System.out.println(json(Map.of("ROME", Map.of("version", version, "documents", documents))));
    }
}
