"""English word tables: each name a slot of the grammar, each with the concept its words carry."""

NOUNS = {
    "bird": (
        "thing:animal/bird",
        """gull heron sparrow robin crow raven owl hawk eagle falcon swallow swan goose
        duck hen cockerel pigeon dove thrush blackbird wren finch starling magpie jay cuckoo kestrel buzzard
        osprey cormorant puffin tern curlew plover sandpiper stork crane partridge pheasant quail lark
        nightingale woodpecker kingfisher gannet petrel albatross pelican""",
    ),
    "mammal": (
        "thing:animal/mammal",
        """dog cat horse cow goat sheep pig donkey mule fox wolf bear deer hare rabbit
        badger otter seal weasel stoat mole mouse rat hedgehog squirrel bat ox calf lamb pony foal kitten puppy
        hound ram ewe stag doe boar lynx beaver ferret whale dolphin porpoise""",
    ),
    "pet": ("thing:animal/mammal", "dog cat goat pony donkey lamb rabbit kitten puppy hound mule ferret mouse calf"),
    "beast": ("thing:animal/mammal", "horse cow goat pig donkey mule ox calf lamb pony ram ewe foal"),
    "wild": ("thing:animal/mammal", "fox wolf bear deer hare badger otter weasel stoat stag boar lynx beaver hedgehog"),
    "fish": (
        "thing:animal/fish",
        """cod herring mackerel trout salmon eel pike perch carp tuna plaice sole
        haddock turbot bream sardine anchovy ray sturgeon minnow lamprey halibut""",
    ),
    "insect": (
        "thing:animal/insect",
        """bee wasp ant beetle moth butterfly cricket grasshopper spider fly midge
        ladybird dragonfly hornet earwig gnat""",
    ),
    "handtool": (
        "thing:tool",
        """hammer saw chisel axe knife spade shovel rake hoe sickle scythe needle awl file plane
        drill wrench trowel mallet crowbar pick pitchfork ladder rope pulley anvil lathe loom plough
        wheelbarrow whetstone clamp ruler compass brush broom bucket hook net anchor winch oar""",
    ),
    "fruit": (
        "thing:food/fruit",
        """apple pear plum cherry peach apricot fig grape lemon quince melon strawberry raspberry
        blackberry gooseberry currant damson mulberry""",
    ),
    "vegetable": (
        "thing:food/vegetable",
        """onion carrot turnip leek cabbage potato tomato cucumber radish parsnip
        beetroot lettuce pumpkin bean pea marrow shallot mushroom artichoke""",
    ),
    "dish": (
        "thing:food",
        """soup stew pie loaf cake pudding omelette sausage dumpling pancake biscuit bun roll
        sandwich salad porridge tart pasty broth roast""",
    ),
    "tree": (
        "thing:plant/tree",
        """oak ash elm beech birch pine fir larch willow alder hazel rowan maple poplar
        cedar yew chestnut sycamore lime hawthorn holly cypress""",
    ),
    "flower": (
        "thing:plant/flower",
        """daisy poppy tulip lily violet primrose bluebell foxglove iris
        marigold daffodil snowdrop buttercup cornflower pansy peony cowslip thistle orchid""",
    ),
    "shrub": (
        "thing:plant",
        """nettle fern moss ivy reed clover bramble heather gorse bracken vine hedge bush
        weed seedling sapling""",
    ),
    "garment": (
        "thing:clothing",
        """coat cloak hat cap scarf glove mitten boot shoe slipper sandal shirt skirt dress
        apron shawl belt sock stocking jacket waistcoat hood tunic robe vest jersey bonnet kerchief""",
    ),
    "boat": (
        "thing:vehicle",
        """boat ferry barge canoe raft schooner sloop ketch dinghy trawler ship cutter yawl
        galley lugger""",
    ),
    "cart": ("thing:vehicle", "cart wagon carriage coach sledge bicycle tram train van lorry handcart"),
    "building": (
        "thing:building",
        """house cottage inn mill barn chapel church tower castle school library market
        bakery forge stable warehouse shed hut lighthouse tannery brewery workshop theatre hospital palace
        fort temple farmhouse granary customs_house town_hall post_office courthouse museum dairy""",
    ),
    "shop": ("thing:building", "inn mill bakery forge market workshop brewery dairy tannery warehouse library school"),
    "room": (
        "thing:room",
        "kitchen cellar attic parlour hall bedroom pantry study porch corridor loft nursery scullery",
    ),
    "furniture": (
        "thing:furniture",
        """table chair bench stool bed cradle cupboard shelf chest desk wardrobe dresser
        mirror carpet curtain""",
    ),
    "bodypart": ("thing:body", "hand arm shoulder knee elbow ankle wrist foot back neck thumb finger leg cheek chin"),
    "container": (
        "thing:container",
        """basket box barrel crate sack jar bottle jug pot pan bowl cup kettle tin
        chest pouch purse trunk flask bag tub""",
    ),
    "instrument": (
        "thing:instrument",
        """fiddle flute drum harp lute horn pipe guitar piano trumpet bell cello viola
        whistle accordion clarinet tambourine""",
    ),
    "paper": (
        "thing:document",
        """letter map book diary ledger poem newspaper ticket contract
        chart calendar pamphlet postcard recipe picture song_book passport receipt almanac""",
    ),
    "keepsake": (
        "thing:keepsake",
        "ring key watch coin lantern locket candle clock compass mirror medal brooch comb pearl spoon",
    ),
    "landform": (
        "place:landscape",
        """hill valley moor cliff beach bay meadow field marsh wood forest orchard cove
        dune glen ridge plain island pond lake headland heath quarry cave waterfall glade""",
    ),
    "street": (
        "place:landscape",
        "street lane square road path bridge quay harbour wharf alley courtyard garden crossroads",
    ),
    "occupation": (
        "person:occupation",
        """baker miller smith carpenter weaver tailor cobbler fisherman sailor farmer shepherd
        potter mason tanner brewer cooper clerk teacher doctor nurse judge lawyer merchant pedlar innkeeper cook
        butcher gardener beekeeper hunter forester miner painter poet singer piper drummer actor printer
        bookbinder librarian clockmaker glassblower ropemaker sailmaker shipwright pilot ferryman watchman
        constable soldier captain postman midwife chemist astronomer surveyor engineer student apprentice porter
        thatcher plumber saddler jeweller dyer barber""",
    ),
    "office": (
        "person:office",
        "mayor governor councillor harbourmaster treasurer magistrate minister ambassador bishop inspector commissioner",
    ),
    "kin": (
        "person:kin",
        """mother father sister brother aunt uncle cousin grandmother grandfather niece nephew
        daughter son grandson granddaughter""",
    ),
    "spell": ("time:duration", "week month year fortnight day hour"),
    "daypart": ("time:daypart", "morning afternoon evening night"),
    "timepiece": ("thing:keepsake", "clock watch locket"),
    "racer": ("thing:animal/mammal", "horse pony dog hound donkey"),
    "stew": ("thing:food", "soup stew pie broth pasty salad pudding"),
    "folk": ("person:group", "neighbour stranger traveller guest friend child villager visitor customer passenger"),
}

MASS = {
    "staple": (
        "thing:food",
        "bread cheese butter honey salt flour sugar rice oats barley bacon ham jam cream oil vinegar pepper",
    ),
    "spice": (
        "thing:food/spice",
        """pepper salt nutmeg cinnamon thyme parsley sage mint rosemary saffron ginger garlic
        mustard basil dill cloves fennel""",
    ),
    "meat": ("thing:food", "beef mutton pork bacon ham venison chicken veal"),
    "drink": ("thing:food/drink", "tea coffee milk cider ale beer wine mead cocoa lemonade buttermilk"),
    "material": (
        "thing:material",
        """wood iron stone clay glass wool linen leather silk copper brass silver tin wax straw
        slate marble cotton felt timber lead oak pewter bronze canvas""",
    ),
    "hard": ("thing:material", "iron copper brass silver tin wood bronze oak pewter"),
    "textile": ("thing:material", "wool linen leather silk cotton felt canvas"),
    "masonry": ("thing:material", "wood stone timber slate marble clay"),
    "carvable": ("thing:material", "wood stone oak marble wax clay"),
    "weather": (
        "thing:weather",
        """rain snow fog mist wind frost hail thunder lightning sleet sunshine drizzle cloud
        ice dew""",
    ),
    "colour": (
        "quality:colour",
        """red blue green yellow black white grey brown purple pink orange scarlet crimson golden
        silver violet turquoise amber ivory russet""",
    ),
    "size": (
        "quality:size",
        "big small large little tiny huge tall short wide narrow broad thick thin enormous great long",
    ),
    "age": ("quality:age", "old new ancient worn modern"),
    "lifeage": ("quality:age", "old young aged"),
    "temper": (
        "quality:character",
        """kind brave clever lazy proud shy gentle stubborn honest greedy patient cheerful quiet
        careless wise foolish generous polite rude curious loyal modest bold cautious""",
    ),
    "texture": ("quality:texture", "rough smooth soft hard sharp blunt rusty sticky dusty polished slippery"),
    "taste": ("quality:taste", "sweet sour bitter salty spicy bland rich ripe tender"),
    "glad": ("emotion:joy", "happy glad joyful delighted merry pleased overjoyed content cheerful"),
    "afraid": ("emotion:fear", "afraid frightened terrified scared anxious alarmed uneasy fearful"),
    "angry": ("emotion:anger", "angry furious cross annoyed enraged indignant irritated"),
    "sad": ("emotion:sorrow", "sad unhappy miserable gloomy heartbroken sorrowful mournful lonely"),
    "amazed": ("emotion:surprise", "surprised amazed astonished startled puzzled stunned"),
    "gladly": ("emotion:joy", "happily gladly cheerfully merrily joyfully"),
    "fearfully": ("emotion:fear", "nervously fearfully anxiously timidly"),
    "angrily": ("emotion:anger", "angrily furiously crossly bitterly"),
    "sadly": ("emotion:sorrow", "sadly gloomily mournfully miserably"),
    "joy": ("emotion:joy", "joy delight happiness gladness"),
    "fear": ("emotion:fear", "fear terror dread panic alarm"),
    "anger": ("emotion:anger", "anger rage fury"),
    "sorrow": ("emotion:sorrow", "sorrow grief sadness misery"),
    "manner": (
        "quality:manner",
        "slowly quickly carefully quietly gently calmly politely eagerly patiently suddenly softly firmly loudly gravely",
    ),
    "day": ("time:day", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": ("time:month", "January February March April May June July August September October November December"),
    "season": ("time:season", "summer autumn winter"),
    "ordinal": ("number:ordinal", "first second third fourth fifth sixth seventh eighth ninth tenth"),
    "numword": (
        "number:quantity",
        "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty",
    ),
}

UNITS = "grams litres pounds ounces pints cups spoons gallons yards miles inches feet tons dozen hours minutes"
COINS = "crowns pennies shillings"

VERBS = {
    "action:motion": """walk run ride sail row swim climb hurry wander travel march creep crawl fly jump return go come
        stroll arrive drift follow cross enter leave step race gallop limp""",
    "action:speech": "say tell ask answer whisper shout reply explain promise warn murmur cry declare announce argue beg confess call admit insist speak complain report",
    "action:making": "make build mend repair carve weave sew knit bake cook paint forge sharpen plant polish draw write print brew stitch mould thatch",
    "action:trade": "buy sell pay trade lend borrow owe spend earn cost order hire deliver",
    "action:perception": "see hear watch notice smell taste feel find discover observe spot",
    "action:thought": "think know remember forget wonder believe understand hope decide doubt guess dream imagine learn",
}

SENSES = {
    "bank/river": "bank",
    "bank/money": "bank",
    "spring/season": "spring",
    "spring/water": "spring",
    "spring/coil": "spring",
    "bark/tree": "bark",
    "bark/dog": "bark",
    "scale/weight": "scale",
    "scale/music": "scale",
    "scale/fish": "scale",
    "note/music": "note",
    "note/paper": "note",
    "light/lamp": "light",
    "light/weight": "light",
}

CLOSED = {
    "grammar:pronoun": "he she it they him them we us himself herself themselves someone nobody everyone",
    "grammar:first_person": "I me my we us our myself",
    "grammar:second_person": "you your yours yourself",
    "grammar:possessive": "his their its my your our",
    "grammar:negation": "not never no nobody nothing neither nor cannot without none",
    "grammar:past_verb": "was were had did said went could came rang sang ran gave took knew grew woke began broke fell rolled burned filled jumped watched rose drank stood lost folded faded counted warned ruined asked promised stopped earned told shone lived",
    "grammar:modal": "can could must should would might will shall",
    "grammar:comparative": "more less better worse older younger larger smaller taller longer heavier cheaper warmer colder faster stronger",
    "discourse:cause": "because so therefore since",
    "discourse:contrast": "but although though however yet",
    "discourse:condition": "if unless whether",
    "discourse:time_order": "before after when while until then later soon meanwhile",
    "grammar:question_word": "who what where why how which",
}
