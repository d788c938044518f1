<?php
// What SimplePie reads of the documents named on the command line, as JSON.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_WARNING & ~E_NOTICE);
require_once "/usr/share/php/simplepie/autoloader.php";

// Debian's doesn't read dates under its PHP 8: they are left out.
class Dates extends SimplePie_Parse_Date
{
    public function __construct() {}
    public static function get() { return new self(); }
    public function parse($date) { return 0; }
}

// Texts and addresses are HTML with it, as its documentation has it.
$plain = fn($html) => $html === null ? null : html_entity_decode($html, ENT_QUOTES | ENT_HTML5);

$documents = [];
foreach (array_slice($argv, 1) as $path) {
    $feed = new SimplePie();
    $feed->set_raw_data(file_get_contents($path));
    $feed->enable_order_by_date(false);
    $feed->enable_cache(false);
    $feed->get_registry()->register("Parse_Date", "Dates");
    try {
        if (!$feed->init()) {
            throw new Exception((string) $feed->error());
        }
        $documents[$path] = [
            "feed title" => $plain($feed->get_title()), "feed page" => $plain($feed->get_permalink()),
            "feed description" => $plain($feed->get_description()), "feed language" => $feed->get_language(),
            "feed icon" => $feed->get_image_url(),
            "entries" => array_map(fn($item) => [
                "title" => $plain($item->get_title()), "link" => $plain($item->get_permalink()), "id" => $item->get_id(),
                "authors" => array_map(fn($one) => $plain($one->get_name()), $item->get_authors() ?? []),
                "categories" => array_map(fn($one) => $plain($one->get_label()), $item->get_categories() ?? []),
                "content" => $item->get_content(), "summary" => $plain($item->get_description(true)),
                "picture" => $item->get_enclosure() ? $item->get_enclosure()->get_thumbnail() : null,
                "video" => $item->get_enclosure() ? $item->get_enclosure()->get_player() : null,
                "related" => array_map($plain, $item->get_links("related") ?? []),
            ], $feed->get_items()),
        ];
    } catch (Throwable $error) {
        $documents[$path] = $error->getMessage();
    }
}
echo json_encode(["SimplePie" => ["version" => SIMPLEPIE_VERSION, "documents" => $documents]]);
