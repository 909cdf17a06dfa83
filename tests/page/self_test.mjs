// The checks themselves: pages with a defect each, which the check that is meant for it has to find, and a good one, where none may.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// The first of these that is free is taken.
const PORTS = Array.from({ length: 20 }, (_, index) => 27180 + index);

const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --link: #0a58ca; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f1318; --text: #e7ecf1; --link: #7db6ff; } }
body { margin: 1rem; background: var(--ground); color: var(--text); font: 1rem/1.5 sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.scroll { overflow-x: auto; }
td, th { white-space: nowrap; }`;

const HEADING = "<h1>Good</h1>\n<h2>Things</h2>";
const REGION = '<div class="scroll" role="region" aria-labelledby="things" tabindex="0">';
const TABLE = `<table>
<caption id="things">All things</caption>
<thead><tr><th scope="col">Thing</th><th scope="col">What is to be said about it</th></tr></thead>
<tbody><tr><th scope="row">one</th><td>a text that is wider than a phone, so that one has to scroll to its end</td></tr></tbody>
</table>`;
const LINKS = '<p><a href="/status">For programs</a></p>';

/**
 * A page. `head` and `body` are put into it, `change` replaces a text with another, `rules` are more styles, `policy` is more of the
 * policy. Browsers get the icon from the page: they would ask for one.
 */
function page({ head = "", body = "", change = [], rules = "", policy = "" } = {}) {
    const style = STYLE + rules;
    const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Good</title>
<link rel="icon" href="data:,">
<style>${style}</style>
${head}
</head>
<body>
<main>
${HEADING}
${REGION}
${TABLE}
</div>
${LINKS}
${body}
</main>
</body>
</html>`;
    const [from, to] = change;
    if (from && !html.includes(from)) throw new Error(`the page has no ${from} to be replaced`);
    const hash = createHash("sha256").update(style).digest("base64");
    return {
        html: from ? html.replaceAll(from, to) : html,
        headers: {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'${policy}`,
        },
    };
}

const STOP = '<p><a href="?refresh=off">Stop refreshing</a></p>';
const REFRESH = '<meta http-equiv="refresh" content="1">';

/**
 * What is wrong with each, what the check that has to find it is about, the checks that find it, no others, and the page, with what it is
 * when asked not to refresh itself. A good one goes through all checks, the others through those of that kind: all of them take long.
 */
function pages(port) {
    // Another origin, and this machine all the same.
    const image = `http://localhost:${port}/dot.svg`;
    const withImage = page({ body: `<img src="${image}" alt="a dot">` });
    withImage.headers["Content-Security-Policy"] = `default-src 'none'; style-src 'unsafe-inline'; img-src data: ${image}`;
    const bare = page();
    delete bare.headers["Content-Security-Policy"];
    const writes = "document.querySelector('main').append('written by a script')";
    const hash = createHash("sha256").update(writes).digest("base64");
    return {
        "nothing": [undefined, [], page()],
        "nothing, and refreshes itself": [
            undefined, [],
            page({ head: REFRESH, body: STOP }),
            page({ body: '<p><a href="?">Refresh</a></p>' }),
        ],
        "an answer of 500": ["answer", ["answer", "console"], { ...page(), status: 500 }],
        "text that is no page": ["answer", ["answer"], { ...page(), headers: { ...page().headers, "Content-Type": "text/plain" } }],
        "no policy": ["answer", ["policy"], bare],
        "an image from elsewhere": ["answer", ["requests"], withImage],
        "a preconnect elsewhere": ["answer", ["requests"], page({ head: `<link rel="preconnect" href="${new URL(image).origin}">` })],
        "a script that the policy stops": ["answer", ["console"], page({ body: "<script>var one = 1;</script>" })],
        "a style that the policy stops": ["answer", ["console"], page({ body: '<p style="margin: 1rem">text</p>' })],
        "an error in a script": [
            "answer", ["console"],
            page({ body: "<script>null.one</script>", policy: "; script-src 'unsafe-inline'" }),
        ],
        "a text that needs a script": [
            "answer", ["script"],
            page({ body: `<script>${writes}</script>`, policy: `; script-src 'sha256-${hash}'` }),
        ],
        "a slow answer": ["time", ["time"], { ...page(), delay: 1200 }],
        "a poor contrast": ["rules", ["axe"], page({ body: '<p class="pale">pale</p>', rules: ".pale { color: #888; }" })],
        "a poor contrast where it is dark": [
            "rules", ["axe"],
            page({ rules: "@media (prefers-color-scheme: dark) { h2 { color: #444; } }" }),
        ],
        "no language for axe": ["rules", ["axe"], page({ change: [' lang="en"', ""] })],
        "no language": ["tree", ["language"], page({ change: [' lang="en"', ""] })],
        "no title": ["tree", ["title"], page({ change: ["<title>Good</title>", "<title></title>"] })],
        "two h1": ["tree", ["headings"], page({ change: ["<h2>Things</h2>", "<h1>Things</h1>"] })],
        "a jump to h3": ["tree", ["headings"], page({ change: ["<h2>Things</h2>", "<h3>Things</h3>"] })],
        "a table without headers": [
            "tree", ["tables"],
            page({ change: [TABLE, TABLE.replaceAll(/<th scope="\w+">(.*?)<\/th>/g, "<td>$1</td>")] }),
        ],
        "a table without a name": [
            "tree", ["tables"],
            page({ change: [TABLE, TABLE.replaceAll(/caption/g, "colgroup").replaceAll("All things", "")] }),
        ],
        "a table that is none on a phone": [
            "tree", ["tables"],
            page({ rules: "@media (max-width: 40rem) { tr, td, th { display: block; } }" }),
        ],
        "too wide for a small phone": ["fit", ["fit"], page({ body: '<p class="wide">wide</p>', rules: ".wide { width: 22rem; }" })],
        "cut off on a small phone": [
            "fit", ["fit"],
            page({ body: '<p class="wide">wide</p>', rules: ".wide { width: 22rem; } html { overflow-x: clip; }" }),
        ],
        "text in pixels": ["fit", ["text size"], page({ rules: "h2 { font-size: 20px; }" })],
        "a part that scrolls, without a stop": ["keyboard", ["regions"], page({ change: [' tabindex="0"', ""] })],
        "a part that scrolls, without a name": ["keyboard", ["regions"], page({ change: [REGION, '<div class="scroll" tabindex="0">'] })],
        "a link that shows no focus": ["keyboard", ["focus"], page({ rules: "a:focus-visible { outline: none; }" })],
        "a focus that is hardly seen": [
            "keyboard", ["focus"],
            page({ rules: "a:focus-visible { outline-color: color-mix(in srgb, var(--ground), #888 20%); }" }),
        ],
        "an order of its own": ["keyboard", ["keyboard"], page({ change: ['<a href="/status">', '<a href="/status" tabindex="1">'] })],
        "a refresh that cannot be stopped": ["rules", ["refresh", "axe"], page({ head: REFRESH })],
        "a refresh that goes on": ["rules", ["refresh", "axe"], page({ head: REFRESH, body: STOP }), page({ head: REFRESH, body: STOP })],
    };
}

/** Serves on the first port that is free. */
async function serve() {
    for (const port of PORTS) {
        const served = Object.entries(pages(port));
        const server = createServer(async (request, response) => {
            const { pathname, searchParams } = new URL(request.url, "http://localhost");
            const found = served[Number(pathname.slice(1))]?.[1];
            if (!found) {
                response.writeHead(200, { "Content-Type": "image/svg+xml" }).end('<svg xmlns="http://www.w3.org/2000/svg"/>');
                return;
            }
            const { html, headers, status = 200, delay = 0 } = (searchParams.has("refresh") && found[3]) || found[2];
            await sleep(delay);
            response.writeHead(status, headers).end(html);
        });
        const isFree = await new Promise((resolve) => {
            server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
        });
        if (isFree) return { server, port, served };
    }
    throw new Error(`none of the ports ${PORTS[0]} to ${PORTS.at(-1)} is free`);
}

/** Whether each check found what it has to, and nothing else. `words` choose the pages by what is wrong with them. */
export async function selfTest(browser, look, words) {
    const { server, port, served } = await serve();
    const folder = mkdtempSync(join(tmpdir(), "page-"));
    let [passed, failed] = [0, 0];
    try {
        for (const [index, [defect, [about, expected]]] of served.entries()) {
            if (!words.every((word) => defect.includes(word))) continue;
            const lines = [];
            const url = `http://127.0.0.1:${port}/${index}`;
            const found = await look(browser, url, "page", folder, (line) => lines.push(line), about && [about]);
            const isGood = [...found].sort().join() === [...expected].sort().join();
            console.log(`${isGood ? "ok   " : "WRONG"} ${defect}: found by ${found.join(", ") || "none"}`);
            const why = lines.filter((line) => line.startsWith("WRONG")).join("\n");
            if (!isGood) console.log(`      and not by ${expected.join(", ") || "none"}:\n${why}`);
            if (isGood) passed += 1;
            else failed += 1;
        }
    } finally {
        server.closeAllConnections();
        server.close();
        rmSync(folder, { recursive: true });
    }
    console.log(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0;
}
