/** What this browser is, in words by field. */

interface Brand {
  brand: string;
  version: string;
}

interface UserAgentData {
  brands: Brand[];
  getHighEntropyValues(hints: string[]): Promise<Record<string, string> & { fullVersionList?: Brand[] }>;
}

export async function fingerprint(): Promise<Record<string, string>> {
  const data = (navigator as { userAgentData?: UserAgentData }).userAgentData;
  const found: Record<string, string> = {
    browser: browserName([]),
    "user agent": navigator.userAgent,
    cores: String(navigator.hardwareConcurrency),
    "cross-origin isolated": self.crossOriginIsolated ? "yes" : "no",
  };
  if (data) {
    const more = await data.getHighEntropyValues([
      "fullVersionList",
      "platform",
      "platformVersion",
      "architecture",
      "bitness",
      "model",
    ]);
    found.browser = browserName(more.fullVersionList ?? data.brands);
    found.platform = [more.platform, more.platformVersion, more.architecture, more.bitness && `${more.bitness} bit`]
      .filter(Boolean)
      .join(" ");
    found.model = more.model ?? "";
  }
  return found;
}

/** The browser's own name where it has one beside the engine's. */
function browserName(brands: Brand[]): string {
  const real = brands.filter(({ brand }) => !/not.?a.?brand/i.test(brand));
  const own = real.find(({ brand }) => brand !== "Chromium") ?? real[0];
  if (own) return `${own.brand} ${own.version}`;
  const match = /(Firefox|Edg|Chrome|Version)\/([\d.]+)/.exec(navigator.userAgent);
  return match ? `${match[1] === "Version" ? "Safari" : match[1]} ${match[2]}` : "a browser";
}
