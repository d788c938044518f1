/* What libmrss reads of the documents named on the command line, as JSON. */
#include <mrss.h>
#include <stdio.h>

static void string(const char *value) {
    if (!value) { printf("null"); return; }
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)value; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '\\') printf("\\u%04x", *at);
        else putchar(*at);
    putchar('"');
}

static void text(const char *name, const char *value) {
    printf("\"%s\":", name);
    string(value);
}

int main(int count, char **paths) {
    printf("{\"libmrss\":{\"version\":\"" LIBMRSS_VERSION_STRING "\",\"documents\":{");
    for (int number = 1; number < count; number++) {
        mrss_t *read;
        mrss_error_t failed = mrss_parse_file(paths[number], &read);
        printf("%s\"%s\":", number > 1 ? "," : "", paths[number]);
        if (failed) { printf("\"%s\"", mrss_strerror(failed)); continue; }
        putchar('{');
        text("feed title", read->title); putchar(',');
        text("feed page", read->link); putchar(',');
        text("feed description", read->description); putchar(',');
        text("feed language", read->language); putchar(',');
        text("feed icon", read->image_url);
        printf(",\"entries\":[");
        for (mrss_item_t *item = read->item; item; item = item->next) {
            putchar('{');
            text("title", item->title); putchar(',');
            text("link", item->link); putchar(',');
            text("id", item->guid); putchar(',');
            text("published", item->pubDate); putchar(',');
            text("content", item->description);
            printf(",\"categories\":[");
            for (mrss_category_t *one = item->category; one; one = one->next) {
                string(one->category); printf("%s", one->next ? "," : "");
            }
            printf("]}%s", item->next ? "," : "");
        }
        printf("]}");
        mrss_free(read);
    }
    printf("}}}");
    return 0;
}
