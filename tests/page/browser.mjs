// The browser, and a page in it that is watched from its first request on.

import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

// The packages lie in the target folder, not beside this file, where an import would look for them.
const packages = createRequire(`${process.env.PAGE_PACKAGES}/`);
const { default: puppeteer } = await import(pathToFileURL(packages.resolve("puppeteer-core")));
export const axe = packages("axe-core");

export const DESKTOP = { name: "desktop", width: 1280, height: 900, deviceScaleFactor: 1 };
export const PHONE = { name: "phone", width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
export const SCHEMES = ["light", "dark"];

export function launch() {
    // Chromium's sandbox refuses to work for root.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    // The rules take more than half a minute for a table of 2,000 rows, and several times that where something else runs too.
    return puppeteer.launch({ executablePath: process.env.CHROMIUM, headless: true, args, protocolTimeout: 600_000 });
}

/**
 * Opens the page and waits until it is loaded. What it asks for and what the browser says against it is written down.
 *
 * A page that refreshes itself would go away under a check that takes longer: every later navigation is refused, which leaves the page as
 * it is. With `served`, the page is not asked for: this answer of an earlier time is given instead.
 */
export async function open(browser, url, { device = DESKTOP, scheme = "light", script = true, served } = {}) {
    const page = await browser.newPage();
    const client = await page.createCDPSession();
    const opened = { page, client, requests: [], complaints: [] };
    await watch(opened);
    await hold(opened, served);
    await page.setCacheEnabled(false);
    await page.setViewport(device);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setJavaScriptEnabled(script);
    opened.answer = await page.goto(url, { waitUntil: "load", timeout: 60_000 });
    // What a script would do once the page is there.
    await sleep(100);
    opened.close = () => page.close();
    return opened;
}

async function watch({ client, requests, complaints }) {
    const complain = (text) => complaints.push(text.replaceAll(/\s+/g, " "));
    client.on("Network.requestWillBeSent", ({ request }) => requests.push(request.url));
    client.on("Network.webSocketCreated", ({ url }) => requests.push(url));
    client.on("Runtime.exceptionThrown", ({ exceptionDetails: { text, exception } }) => {
        complain(`${text} ${exception?.description ?? ""}`);
    });
    client.on("Runtime.consoleAPICalled", ({ type, args }) => {
        if (["error", "warning", "assert"].includes(type)) complain(args.map((arg) => arg.value ?? arg.description).join(" "));
    });
    client.on("Log.entryAdded", ({ entry }) => {
        if (["error", "warning"].includes(entry.level)) complain(`${entry.text} ${entry.url ?? ""}`);
    });
    client.on("Audits.issueAdded", ({ issue: { code, details } }) => {
        const violation = details.contentSecurityPolicyIssueDetails;
        if (violation) complain(`${code}: ${violation.violatedDirective} ${violation.blockedURL ?? "inline"}`);
    });
    for (const domain of ["Network", "Runtime", "Log", "Audits"]) await client.send(`${domain}.enable`);
}

async function hold({ client }, served) {
    let isFirst = true;
    const { frameTree } = await client.send("Page.getFrameTree");
    client.on("Fetch.requestPaused", ({ requestId, frameId, redirectedRequestId }) => {
        let reply = client.send.bind(client, "Fetch.continueRequest", { requestId });
        if (frameId === frameTree.frame.id && !redirectedRequestId) {
            if (!isFirst) reply = client.send.bind(client, "Fetch.failRequest", { requestId, errorReason: "Aborted" });
            else if (served) reply = client.send.bind(client, "Fetch.fulfillRequest", { requestId, ...served });
            isFirst = false;
        }
        // The page may be closed by then.
        reply().catch(() => {});
    });
    await client.send("Fetch.enable", { patterns: [{ urlPattern: "*", resourceType: "Document" }] });
}

/** An answer, as `served` takes it. */
export async function copy(answer) {
    const body = Buffer.from(await answer.text()).toString("base64");
    // These are about how the bytes came here.
    const left = ["content-length", "content-encoding", "transfer-encoding"];
    const responseHeaders = Object.entries(answer.headers())
        .filter(([name]) => !left.includes(name))
        .map(([name, value]) => ({ name, value }));
    return { responseCode: answer.status(), responseHeaders, body };
}

/** The first few of a list, for a line. */
export function some(list, most = 3) {
    const more = list.length > most ? ` and ${list.length - most} more` : "";
    return list.slice(0, most).join("; ") + more;
}
