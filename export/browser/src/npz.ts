/** Reading NumPy's .npz files: a zip archive of arrays. */

export interface NpyArray {
  shape: number[];
  /** Row after row; strings of a `<U` array one by one. */
  values: Float32Array | Float64Array | Int32Array | Uint8Array | string[];
}

const END_OF_DIRECTORY = 0x06054b50;
const LONGEST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;

/** Every array of an archive by its name. */
export async function readNpz(bytes: Uint8Array): Promise<Map<string, NpyArray>> {
  const arrays = new Map<string, NpyArray>();
  for (const [name, content] of await readZip(bytes)) arrays.set(name.replace(/\.npy$/, ""), readNpy(content, name));
  return arrays;
}

/** Every entry of a zip archive by its name, as its directory at the end lists them. */
export async function readZip(bytes: Uint8Array): Promise<Map<string, Uint8Array>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && end >= bytes.length - 22 - LONGEST_COMMENT && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0 || view.getUint32(end, true) !== END_OF_DIRECTORY) throw new Error("not a zip archive, or cut short");
  const entries = new Map<string, Uint8Array>();
  let at = view.getUint32(end + 16, true);
  for (let entry = view.getUint16(end + 10, true); entry > 0; entry--) {
    const method = view.getUint16(at + 10, true);
    const size = view.getUint32(at + 20, true);
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const header = view.getUint32(at + 42, true);
    // The local header repeats the name, and has an extra field of its own length.
    const start = header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    const packed = bytes.subarray(start, start + size);
    if (method !== STORED && method !== DEFLATED) throw new Error(`${name}: zip method ${method} is unknown`);
    entries.set(name, method === STORED ? packed : await inflated(packed));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

async function inflated(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([packed as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** One array; the format is NumPy's `lib.format`, versions 1 to 3. */
function readNpy(bytes: Uint8Array, name: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((part) => part.trim()).map(Number);
  if (!type || /'fortran_order':\s*True/.test(header)) throw new Error(`${name}: an array that this page cannot read`);
  const data = bytes.slice(start + length).buffer;
  const values = valuesOf(type, data);
  if (!values) throw new Error(`${name}: type ${type} is none that this page can read`);
  return { shape, values };
}

function valuesOf(type: string, data: ArrayBuffer): NpyArray["values"] | null {
  if (type === "<f4") return new Float32Array(data);
  if (type === "<f8") return new Float64Array(data);
  if (type === "<i4") return new Int32Array(data);
  if (type === "<i8") return Int32Array.from(new BigInt64Array(data), Number);
  if (type === "|u1") return new Uint8Array(data);
  if (!type.startsWith("<U")) return null;
  const width = Number(type.slice(2));
  const codes = new Uint32Array(data);
  return Array.from({ length: width ? codes.length / width : 0 }, (_, item) => {
    const text = codes.subarray(item * width, (item + 1) * width);
    return String.fromCodePoint(...text.filter((code) => code !== 0));
  });
}
