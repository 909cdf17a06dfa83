// What the server answers with, what the page asks for, and how long it takes.

import { copy, open, some } from "./browser.mjs";

const LOADS = 5;
const SLOWEST_MS = 1000;

export async function checkAnswer(browser, url, say) {
    const opened = await open(browser, url);
    const { page, answer, requests, complaints } = opened;
    const headers = answer.headers();
    const type = headers["content-type"] ?? "none";
    const policy = headers["content-security-policy"];
    say("answer", answer.status() === 200 && type.startsWith("text/html"), `status ${answer.status()}, Content-Type ${type}`);
    say("policy", Boolean(policy), policy ? `Content-Security-Policy: ${policy}` : "no Content-Security-Policy");
    say("console", complaints.length === 0, complaints.length ? some(complaints) : "the browser has no error and no warning");

    // A preconnect is no request, and one that the policy stops is none either: a page should not have them all the same.
    const named = await page.$$eval("link[href], [src]", (all) => all.map((one) => one.href || one.src));
    const asked = requests.filter((one) => !one.startsWith("data:"));
    const { origin } = new URL(url);
    const foreign = [...asked, ...named].filter((one) => !one.startsWith("data:") && new URL(one, url).origin !== origin);
    const left = foreign.length && `leaves its origin: ${some([...new Set(foreign)])}`;
    say("requests", foreign.length === 0, left || `asked for: ${some(asked)}`);

    // The same bytes both times, so that a difference comes from nothing but scripts.
    const served = await copy(answer);
    await opened.close();
    const texts = [];
    for (const script of [true, false]) {
        const again = await open(browser, url, { script, served });
        texts.push(await again.page.evaluate(() => `${document.title}\n${document.body.innerText}`));
        await again.close();
    }
    const isSame = texts[0] === texts[1];
    say("script", isSame, isSame ? "the same text with JavaScript and without" : `with JavaScript ${difference(...texts)}`);
}

function difference(one, other) {
    const at = [...one].findIndex((letter, index) => letter !== other[index]);
    const from = at < 0 ? one.length : at;
    const part = (text) => JSON.stringify(text.slice(Math.max(0, from - 20), from + 40));
    return `${part(one)}, without ${part(other)}`;
}

export async function checkTime(browser, url, say) {
    const times = [];
    let size;
    for (let load = 0; load < LOADS; load += 1) {
        // Not watched, which takes time too.
        const page = await browser.newPage();
        await page.setCacheEnabled(false);
        await page.goto(url, { waitUntil: "load" });
        await page.waitForFunction(() => performance.getEntriesByType("navigation")[0].loadEventEnd > 0);
        const entry = await page.evaluate(() => performance.getEntriesByType("navigation")[0].toJSON());
        times.push(Math.round(entry.loadEventEnd - entry.startTime));
        size = `${entry.decodedBodySize} bytes of HTML, ${entry.encodedBodySize} as sent`;
        await page.close();
    }
    const slowest = Math.max(...times);
    say("time", slowest <= SLOWEST_MS, `${slowest} ms to the load event at most (${times.join(", ")}), ${size}; allowed ${SLOWEST_MS}`);
}
