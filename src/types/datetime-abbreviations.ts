/** PostgreSQL's default abbreviations of constant offset: name, seconds east, d = daylight saving. */
const fixedText =
  'eat:10800 sast:7200 wat:3600 act:-18000 akdt:-28800:d akst:-32400 bot:-14400 bra:-10800 brst:-7200:d ' +
  'brt:-10800 cot:-18000 cdt:-18000:d clst:-10800:d cst:-21600 edt:-14400:d egst:0:d egt:-3600 ' +
  'est:-18000 fnt:-7200 fnst:-3600:d gft:-10800 mdt:-21600:d mst:-25200 ndt:-9000:d nft:-12600 ' +
  'nst:-12600 pet:-18000 pdt:-25200:d pmdt:-7200:d pmst:-10800 pst:-28800 pyst:-10800:d uyst:-7200:d ' +
  'uyt:-10800 wgst:-7200:d wgt:-10800 ddut:36000 aft:16200 almt:21600 almst:25200:d amt:-14400 ' +
  'bdt:21600 bnt:28800 bort:28800 btt:21600 cct:28800 hkt:28800 ict:25200 idt:10800:d irt:12600 ' +
  'ist:7200 jayt:32400 jst:32400 kdt:36000:d kgst:21600:d kst:32400 mmt:23400 myt:28800 npt:20700 ' +
  'pht:28800 pkt:18000 pkst:21600:d tjt:18000 ulast:32400:d uzst:21600:d uzt:18000 xjt:21600 ' +
  'yekst:21600:d adt:-10800:d ast:-14400 azost:0:d azot:-3600 acsst:37800:d acdt:37800:d acst:34200 ' +
  'acwst:31500 aesst:39600:d aedt:39600:d aest:36000 awsst:32400:d awst:28800 cadt:37800:d cast:34200 ' +
  'lhst:37800 ligt:36000 nzt:43200 sadt:37800:d wadt:28800:d wast:25200 wdt:32400:d gmt:0 uct:0 ut:0 ' +
  'utc:0 z:0 zulu:0 bst:3600:d bdst:7200:d cest:7200:d cet:3600 cetdst:7200:d eest:10800:d eet:7200 ' +
  'eetdst:10800:d fet:10800 mest:7200:d mesz:7200:d met:3600 metdst:7200:d mez:3600 msd:14400:d wet:0 ' +
  'wetdst:3600:d cxt:25200 mut:14400 must:18000:d mvt:18000 ret:14400 sct:14400 tft:18000 chadt:49500:d ' +
  'chast:45900 chut:36000 fjst:46800:d fjt:43200 galt:-21600 gamt:-32400 gilt:43200 hst:-36000 ' +
  'mart:-34200 mht:43200 mpt:36000 nzdt:46800:d nzst:43200 pgt:36000 pont:39600 pwt:32400 taht:-36000 ' +
  'tot:46800 trut:36000 tvt:43200 vut:39600 wakt:43200 wft:43200 yapt:36000';

/** Abbreviations whose offset depends on the date: name and zone. */
const dynamicText =
  'art:America/Argentina/Buenos_Aires arst:America/Argentina/Buenos_Aires clt:America/Santiago ' +
  'gyt:America/Guyana pyt:America/Asuncion vet:America/Caracas davt:Antarctica/Davis ' +
  'mawt:Antarctica/Mawson amst:Asia/Yerevan anast:Asia/Anadyr anat:Asia/Anadyr azst:Asia/Baku ' +
  'azt:Asia/Baku gest:Asia/Tbilisi get:Asia/Tbilisi irkst:Asia/Irkutsk irkt:Asia/Irkutsk ' +
  'kgt:Asia/Bishkek krast:Asia/Krasnoyarsk krat:Asia/Krasnoyarsk lkt:Asia/Colombo magst:Asia/Magadan ' +
  'magt:Asia/Magadan novst:Asia/Novosibirsk novt:Asia/Novosibirsk omsst:Asia/Omsk omst:Asia/Omsk ' +
  'petst:Asia/Kamchatka pett:Asia/Kamchatka sgt:Asia/Singapore tmt:Asia/Ashgabat ulat:Asia/Ulaanbaatar ' +
  'vlast:Asia/Vladivostok vlat:Asia/Vladivostok yakst:Asia/Yakutsk yakt:Asia/Yakutsk ' +
  'yekt:Asia/Yekaterinburg fkst:Atlantic/Stanley fkt:Atlantic/Stanley lhdt:Australia/Lord_Howe ' +
  'msk:Europe/Moscow volt:Europe/Volgograd iot:Indian/Chagos ckt:Pacific/Rarotonga easst:Pacific/Easter ' +
  'east:Pacific/Easter kost:Pacific/Kosrae lint:Pacific/Kiritimati nut:Pacific/Niue tkt:Pacific/Fakaofo';

/** What an abbreviation means in date input. */
export type ZoneAbbreviation =
  | {readonly kind: 'fixed'; readonly offset: number; readonly isDst: boolean}
  | {readonly kind: 'dynamic'; readonly zone: string};

/** Abbreviations by lower-case name. */
export const abbreviations: ReadonlyMap<string, ZoneAbbreviation> = new Map([
  ...fixedText.split(' ').map((item): [string, ZoneAbbreviation] => {
    const [name, offset, dst] = item.split(':');
    return [name!, {kind: 'fixed', offset: Number(offset), isDst: dst === 'd'}];
  }),
  ...dynamicText.split(' ').map((item): [string, ZoneAbbreviation] => {
    const [name, zone] = item.split(':');
    return [name!, {kind: 'dynamic', zone: zone!}];
  }),
]);

type ByOffset = Readonly<Record<number, string | undefined>>;
const h = 3600;
const europeWinter: ByOffset = {0: 'WET', [h]: 'CET', [2 * h]: 'EET'};
const europeSummer: ByOffset = {[h]: 'WEST', [2 * h]: 'CEST', [3 * h]: 'EEST'};

/** Abbreviations that output uses: zones, then standard and summer names by offset. First match with the offset wins. */
export const zoneAbbreviations: readonly (readonly [RegExp, ByOffset, ByOffset])[] = [
  [/^(Europe\/(London|Belfast|Guernsey|Isle_of_Man|Jersey)|GB.*)$/, {0: 'GMT'}, {[h]: 'BST'}],
  [/^(Europe\/Dublin|Eire)$/, {0: 'GMT'}, {[h]: 'IST'}],
  [
    /^(Europe\/(Moscow|Simferopol|Minsk|Kirov|Volgograd)|W-SU)$/,
    {[3 * h]: 'MSK', [4 * h]: 'MSK'},
    {[4 * h]: 'MSD'},
  ],
  [/^(Europe|Arctic)\/|^(Poland|Portugal|[WCME]ET)$/, europeWinter, europeSummer],
  [/^Africa\/(Ceuta|Tunis|Algiers|Cairo|Tripoli)$|^(Egypt|Libya)$/, europeWinter, europeSummer],
  [/^Asia\/(Beirut|Nicosia|Famagusta|Gaza|Hebron)$/, europeWinter, europeSummer],
  [/^Atlantic\/(Canary|Madeira|Faroe)$/, europeWinter, europeSummer],
  [/^(America\/(Havana)|Cuba)$/, {[-5 * h]: 'CST'}, {[-4 * h]: 'CDT'}],
  [/^(America\/(St_Johns)|Canada\/Newfoundland)$/, {[-12600]: 'NST'}, {[-9000]: 'NDT'}],
  [
    /^(America|US|Canada|Mexico|EST5EDT|CST6CDT|MST7MDT|PST8PDT|EST|MST|Navajo|Atlantic\/Bermuda|Jamaica)/,
    {
      [-4 * h]: 'AST',
      [-5 * h]: 'EST',
      [-6 * h]: 'CST',
      [-7 * h]: 'MST',
      [-8 * h]: 'PST',
      [-9 * h]: 'AKST',
      [-10 * h]: 'HST',
    },
    {
      [-3 * h]: 'ADT',
      [-4 * h]: 'EDT',
      [-5 * h]: 'CDT',
      [-6 * h]: 'MDT',
      [-7 * h]: 'PDT',
      [-8 * h]: 'AKDT',
      [-9 * h]: 'HDT',
    },
  ],
  [/^(Pacific\/(Honolulu|Johnston)|HST)$/, {[-10 * h]: 'HST'}, {}],
  [/^(Asia\/(Tokyo)|Japan)$/, {[9 * h]: 'JST'}, {[10 * h]: 'JDT'}],
  [/^(Asia\/(Seoul|Pyongyang)|ROK)$/, {[9 * h]: 'KST'}, {}],
  [
    /^(Asia\/(Shanghai|Chongqing|Harbin|Macau|Taipei)|PRC|ROC)$/,
    {[8 * h]: 'CST'},
    {[9 * h]: 'CDT'},
  ],
  [/^(Asia\/Hong_Kong|Hongkong)$/, {[8 * h]: 'HKT'}, {}],
  [/^Asia\/(Kolkata|Calcutta)$/, {[19800]: 'IST'}, {}],
  [/^Asia\/Karachi$/, {[5 * h]: 'PKT'}, {}],
  [/^Asia\/Manila$/, {[8 * h]: 'PST'}, {}],
  [/^Asia\/(Jakarta|Pontianak)$/, {[7 * h]: 'WIB'}, {}],
  [/^(Asia\/(Jerusalem|Tel_Aviv)|Israel)$/, {[2 * h]: 'IST'}, {[3 * h]: 'IDT'}],
  [
    /^Australia/,
    {[8 * h]: 'AWST', [34200]: 'ACST', [10 * h]: 'AEST'},
    {[37800]: 'ACDT', [11 * h]: 'AEDT'},
  ],
  [/^(Pacific\/Auckland|NZ|Antarctica\/McMurdo)$/, {[12 * h]: 'NZST'}, {[13 * h]: 'NZDT'}],
  [/^Africa\/(Johannesburg|Maseru|Mbabane)$/, {[2 * h]: 'SAST'}, {}],
  [/^Africa/, {0: 'GMT', [h]: 'WAT', [2 * h]: 'CAT', [3 * h]: 'EAT'}, {}],
  [/^Atlantic\/(Reykjavik|St_Helena)|^Iceland/, {0: 'GMT'}, {}],
];
