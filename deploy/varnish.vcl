# Varnish in front of feeds. For Varnish 7 with the vmod xkey: Debian's packages
# varnish and varnish-modules. Other addresses, the ACL and the time in vcl_recv
# are what there is to change; docs/caching.md says more.
#
#     varnishd -a :80 -f /etc/varnish/feeds.vcl -s malloc,256m
#
# feeds sends what this lives on: Cache-Control says how long a document is
# fresh, xkey what it is to be purged by, and each content coding has an ETag
# of its own.
vcl 4.1;

import std;
import xkey;

backend feeds {
    .host = "127.0.0.1";
    .port = "8000";
    .first_byte_timeout = 30s;
    .probe = {
        .url = "/healthz";
        .interval = 1s;
        .timeout = 5s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

# Who may purge: where `feeds serve`, `feeds follow` or `feeds purge` run.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.restarts == 0) {
        unset req.http.X-Fresh;
        unset req.http.X-Stale;
        unset req.http.X-Coding;
    }

    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Only the publisher purges"));
        }
        if (!req.http.xkey) {
            return (synth(400, "xkey names what to purge"));
        }
        # Softly: while feeds is down, what was is better than nothing. While
        # it isn't, nobody is given what was purged, see vcl_hit.
        return (synth(200, "Purged " + xkey.softpurge(req.http.xkey)));
    }

    # The figures are for the operator, who asks feeds itself. (No address of
    # feeds begins with something encoded.)
    if (req.url ~ "^/(?:(?:metrics|stats)(?:[/?]|$)|[^/?]*%)") {
        return (synth(404));
    }

    # No document depends on these. The last two are a proxy's to say: a server
    # that trusts this machine (gunicorn does, unless told otherwise) would
    # answer with what is at another address.
    unset req.http.Cookie;
    unset req.http.Authorization;
    unset req.http.SCRIPT_NAME;
    unset req.http.PATH_INFO;

    if ((req.method != "GET" && req.method != "HEAD") || req.url ~ "^/(?:healthz|readyz)(?:\?|$)") {
        return (pass);
    }

    # Parameters that only tell where a click came from are dropped, so that ?utm_source=
    # doesn't fill the cache. All others make another object, in the order and spelling that
    # they have: feeds leads from other spellings of an address to its own.
    if (req.url ~ "\?") {
        set req.url = regsuball(req.url, "(?<=[?&])(?:(?i:utm_\w*|itm_\w*|ref|fbclid|gclid|gclsrc|dclid|msclkid|yclid|igshid|mc_cid|mc_eid|gbraid|wbraid|twclid|ttclid|li_fat_id|_hsenc|_hsmi|mkt_tok|vero_id|oly_enc_id)(?:=[^&]*)?(?:&|$)|&)", "");
        set req.url = regsub(req.url, "[?&]$", "");
    }

    # Who opens a feed in a browser is led to its page, and no cache may keep that.
    if (req.http.Sec-Fetch-Mode == "navigate" && req.http.Sec-Fetch-Dest == "document"
        && req.url ~ "/(?:rss\.xml|atom\.xml|feed\.json)(?:\?|$)") {
        return (pass);
    }
    unset req.http.Sec-Fetch-Mode;
    unset req.http.Sec-Fetch-Dest;

    # One object for each coding, in the order in which feeds prefers them. It
    # is part of the hash: Varnish itself tells apart only gzip and none.
    if (req.http.X-Coding) {
        # It was found before the restart.
    } elseif (req.http.Accept-Encoding ~ "(?i)(?:^|[, ])br *(?:,|$|; *q=(?:1|0\.0*[1-9]))") {
        set req.http.X-Coding = "br";
    } elseif (req.http.Accept-Encoding ~ "(?i)(?:^|[, ])zstd *(?:,|$|; *q=(?:1|0\.0*[1-9]))") {
        set req.http.X-Coding = "zstd";
    } elseif (req.http.Accept-Encoding ~ "(?i)(?:^|[, ])gzip *(?:,|$|; *q=(?:1|0\.0*[1-9]))") {
        set req.http.X-Coding = "gzip";
    } elseif (req.http.Accept-Encoding ~ "(?i)(?:identity|\*) *; *q=0(?:\.0*)? *(?:,|$)") {
        return (pass);
    } else {
        set req.http.X-Coding = "identity";
    }
    set req.http.Accept-Encoding = req.http.X-Coding;

    # How long an old document is shown while a new one is fetched: what
    # FEEDS_STALE_WHILE_REVALIDATE says. How long when feeds is down is the
    # grace of each object: what the document says in stale-if-error.
    if (req.http.X-Fresh) {
        set req.grace = 0s;
    } elseif (!req.http.X-Stale && std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    } else {
        set req.grace = 52w;
    }
    return (hash);
}

# The Host header is no part of it: no answer of feeds depends on that.
sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.X-Coding);
    return (lookup);
}

sub vcl_hit {
    if (!req.http.X-Stale) {
        # An object that lives shorter or longer than it was meant to was
        # purged: the new one is waited for, by everybody together.
        if (obj.ttl <= 0s && std.healthy(req.backend_hint)
            && (obj.age + obj.ttl < std.duration(obj.http.X-TTL, 0s) - 0.01s
                || obj.age + obj.ttl > std.duration(obj.http.X-TTL, 0s) + 0.01s)) {
            set req.http.X-Fresh = "1";
            return (restart);
        }
        # Who has another state of a feed and takes a delta (RFC 3229) is given
        # one by feeds, or the whole feed. It isn't kept.
        if (req.http.A-IM ~ "(?i)feed" && req.http.If-None-Match
            && req.http.If-None-Match != obj.http.ETag) {
            return (pass);
        }
    }
    return (deliver);
}

sub vcl_backend_fetch {
    if (bereq.http.X-Coding) {
        set bereq.http.Accept-Encoding = bereq.http.X-Coding;
    }
    if (!bereq.uncacheable) {
        unset bereq.http.A-IM;
    }
    unset bereq.http.X-Coding;
    unset bereq.http.X-Fresh;
    unset bereq.http.X-Stale;
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch) {
            return (abandon);  # the old one stays
        }
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
    } elseif (beresp.http.Cache-Control ~ "no-store") {
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
    } elseif (!beresp.http.Cache-Control) {
        # What isn't there. It ends what was there before.
        set beresp.ttl = 1s;
        set beresp.grace = 0s;
        set beresp.keep = 0s;
    } else {
        set beresp.grace = std.duration(
            regsub(beresp.http.Cache-Control, "^(?:.*\bstale-if-error=(\d+).*|.*)$", "\1s"), 10s);
        set beresp.http.X-TTL = beresp.ttl + "s";
    }
    return (deliver);
}

sub vcl_backend_error {
    if (bereq.is_bgfetch) {
        return (abandon);
    }
    set beresp.http.Content-Type = "text/plain; charset=utf-8";
    set beresp.http.Retry-After = "30";
    set beresp.body = "Unavailable: the feeds can't be read right now; try again later." + {"
"};
    return (deliver);
}

sub vcl_deliver {
    # What is old is better than nothing, whether or not the probe noticed yet.
    if (resp.status >= 500 && req.http.X-Coding && !req.http.X-Stale) {
        unset req.http.X-Fresh;
        set req.http.X-Stale = "1";
        return (restart);
    }
    # These are between feeds and its caches.
    unset resp.http.xkey;
    unset resp.http.Surrogate-Key;
    unset resp.http.X-TTL;
    set resp.http.X-Cache = "miss";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    }
}
