// The rules of axe-core: WCAG 2.2 up to AA, and best practice.

import { DESKTOP, PHONE, SCHEMES, axe, open, some } from "./browser.mjs";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
const STOP = "Stop refreshing";

/** The address at which the page does not refresh itself, if it does here. */
export async function checkRefresh(browser, url, say) {
    const { page, close } = await open(browser, url);
    const [refresh, href] = await page.evaluate(
        (text) => [
            document.querySelector('meta[http-equiv="refresh" i]')?.content,
            [...document.links].find((link) => link.textContent.trim() === text)?.href,
        ],
        STOP,
    );
    await close();
    // It comes as null where there is none.
    if (refresh == null) {
        say("refresh", true, "the page does not refresh itself");
        return undefined;
    }
    const still = href && new URL(href);
    if (!still || still.origin !== new URL(url).origin || still.searchParams.get("refresh") !== "off") {
        say("refresh", false, `refreshes itself (${refresh}) and has no link "${STOP}" to ?refresh=off`);
        return undefined;
    }
    const other = await open(browser, still.href);
    const goesOn = await other.page.$('meta[http-equiv="refresh" i]');
    await other.close();
    say("refresh", !goesOn, goesOn ? `still refreshes itself at ${still.href}` : `refreshes itself (${refresh}), but not at ${still.href}`);
    return still.href;
}

/** Without anything turned off where the page stands still. Where it refreshes itself, that is no defect: it says how to stop it. */
export async function checkRules(browser, url, still, say, note) {
    const notes = new Map();
    for (const device of [DESKTOP, PHONE]) {
        for (const scheme of SCHEMES) {
            await look(await open(browser, still ?? url, { device, scheme }), `${device.name}, ${scheme}`, [], say, notes);
        }
    }
    // Once is enough: the two differ in one link, and a large page takes long.
    if (still) await look(await open(browser, url), "desktop, light, refreshing", ["meta-refresh"], say, notes);
    if (still) note(`axe: meta-refresh is turned off where the page refreshes itself, because it has a link "${STOP}", and on behind it`);
    for (const [text, places] of notes) note(`axe cannot tell: ${text} (${places.join("; ")})`);
}

async function look({ page, close }, where, off, say, notes) {
    // As a script tag it would be stopped by the page's policy. It gets no styles to read anew, which it would ask the server for.
    await page.evaluate(axe.source);
    const [violations, incomplete] = await page.evaluate(
        async (tags, without) => {
            // target-size is of WCAG 2.2 AA, but off unless asked for.
            const rules = { "target-size": { enabled: true } };
            for (const rule of without) rules[rule] = { enabled: false };
            const options = { runOnly: { type: "tag", values: tags }, rules, preload: false, resultTypes: ["violations", "incomplete"] };
            const found = await window.axe.run(document, options);
            const brief = (one) => {
                const [{ target, any, all, none }] = one.nodes;
                const why = [...any, ...all, ...none][0]?.message ?? one.help;
                return `${one.id} at ${one.nodes.length} places: ${target.join(" ")}: ${why}`;
            };
            return [found.violations.map(brief), found.incomplete.map(brief)];
        },
        TAGS,
        off,
    );
    await close();
    for (const one of incomplete) notes.set(one, [...(notes.get(one) ?? []), where]);
    const rules = off.length ? `all rules but ${off.join(", ")}` : "all rules";
    say("axe", violations.length === 0, `${where}: ${violations.length ? some(violations) : `${rules} hold`}`);
}
