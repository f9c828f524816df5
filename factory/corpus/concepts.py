"""Every concept that a span may carry: what it covers, its family and the concepts above it.

A concept is named `family:name`. A child is named `family:parent/name`, or its line says `name < family:parent`.
"""

from functools import lru_cache

from .tarn import REGIONS, RIVERS, TOWNS

CONCEPTS: dict[str, str] = {}
PARENTS: dict[str, tuple[str, ...]] = {}
RULE_CONCEPTS: dict[str, str] = {}
CHAT_CONCEPTS: dict[str, str] = {}  # only in text that the chat twin reads


def _add(family: str, text: str) -> None:
    for line in text.strip().splitlines():
        name, _, meaning = line.strip().partition(" = ")
        name, _, above = name.partition(" < ")
        CONCEPTS[f"{family}:{name}"] = meaning
        if above:
            PARENTS[f"{family}:{name}"] = tuple(above.split())


def family_of(concept: str) -> str:
    """The family of a concept: what stands before its colon."""
    return concept.partition(":")[0]


def parents_of(concept: str) -> tuple[str, ...]:
    """The concepts straight above one; none for a root."""
    if concept in PARENTS:
        return PARENTS[concept]
    above = concept.rpartition("/")[0]
    return (above,) if above in CONCEPTS or above in CHAT_CONCEPTS else ()


@lru_cache(maxsize=4096)
def with_parents(concept: str) -> tuple[str, ...]:
    """A concept and all above it, itself first."""
    found = [concept]
    for name in found:
        found += [above for above in parents_of(name) if above not in found]
    return tuple(found)


def entity(name: str) -> str:
    """The concept of a town, region, river or ruler of Tarn."""
    return "entity:" + name.lower().replace(" ", "_")


def good(name: str) -> str:
    """The concept of what a town trades in."""
    return "thing:trade_good/" + name.replace(" ", "_")


_add(
    "register",
    """
    story = The whole of a past-tense tale.
    play = The whole of a scene for speakers.
    recipe = The whole of a recipe.
    news = The whole of a news report.
    letter = The whole of a letter.
    code = The whole of a program.
    list = The whole of a set of lists or tables.
    qa = The whole of a set of questions and answers.
    facts = The whole of an article on Tarn.
    parallel = The whole of a bilingual or French text.
    lesson = The whole of a page of word work.
    copy = The whole of a text of lists to learn, most of which come twice.
    chain = The whole of a set of scenes with facts that chain.
    nesting = The whole of a set of notes with nested brackets.""",
)
_add("language", "french = A stretch of French.")
_add(
    "structure",
    """
    quotation = Quoted speech with its quotation marks.
    sentence_start = The first word of a sentence.
    speaker_tag = The name and colon that open a speaker's or a language's line.
    stage_direction = A direction in parentheses in a play.
    step_number = The number of a step in a recipe.
    list_bullet = The bullet that opens an item.
    table = A table with columns.
    counting = A sequence of numbers with a fixed step.
    title = A title or headline.
    dateline = The place and date that open a letter or report.
    salutation = The greeting line of a letter.
    signature = The farewell and name that end a letter.
    question = A sentence that asks.
    speaker_line = A speaker's line of a play, tag and words.
    ingredient_line = A line of a recipe that names an ingredient and its amount.
    step_line = A numbered line of a recipe that tells what to do.
    price_line = A line of a price list.
    table_header = The line that names the columns of a table.
    table_column_1 = A cell of a table's first column.
    table_column_2 = A cell of a table's second column.
    table_column_3 = A cell of a table's third column.
    table_column_4 = A cell of a table's fourth column.
    answer = The words of an answer, after its mark.
    reading = A short tale that questions are asked about.
    question_tag = The mark before a question.
    answer_tag = The mark before an answer.
    arithmetic = A sum, asked or answered.
    code_comment = A comment in a program.
    string_literal = A string in a program.
    brackets = A bracketed stretch of a program.
    indent = The leading spaces of a program line.""",
)
_add(
    "code",
    """
    keyword = A keyword of the language.
    function_name = The name of a function.
    variable = The name of a variable.
    operator = An operator.
    definition_line = The line that opens a function.
    loop_line = The line that opens a loop.
    condition_line = The line that opens an if-block.
    return_line = A line that gives a value back.
    raise_line = A line that raises an error.
    assignment = A line that gives a name a value.
    arguments = What stands in the parentheses of a call or definition.
    print_call = A call that prints.""",
)
_add(
    "thing",
    """
    animal = An animal of any kind.
    animal/bird = A bird.
    animal/mammal = A mammal.
    animal/fish = A fish.
    animal/insect = An insect or spider.
    tool = A tool.
    food = Something to eat or drink.
    food/fruit = A fruit.
    food/vegetable = A vegetable.
    food/spice = A spice or herb.
    food/drink = A drink.
    plant = A plant.
    plant/tree = A tree.
    plant/flower = A flower.
    clothing = A garment.
    vehicle = A boat, ship, cart or other vehicle.
    building = A building.
    room = A room of a house.
    furniture = A piece of furniture.
    body = A part of the body.
    container = A vessel, box or bag.
    instrument = A musical instrument.
    document = Something written or printed.
    keepsake = A small object that one carries.
    material = What things are made of.
    weather = Weather.
    trade_good = What a town of Tarn trades in.""",
)
_add(
    "quality",
    """
    colour = A colour.
    size = A size.
    age = How old a thing is.
    character = A trait of character.
    texture = How a surface feels.
    taste = How food tastes.
    manner = How something is done.""",
)
_add(
    "person",
    """
    given_name = A given name.
    family = A family name.
    occupation = What somebody does for a living.
    office = An office or title of rule.
    kin = A relative.
    ruler = A ruler of a region of Tarn, by name.
    group = Somebody in relation to others: guest, stranger, friend.""",
)
_add(
    "place",
    """
    town = A town of Tarn.
    town/harbour = A town with a harbour.
    town/inland = A town without a harbour.
    region = A region of Tarn.
    river = A river of Tarn.
    landscape = A feature of land or street.""",
)
_add(
    "time",
    """
    day = A day of the week.
    month = A month.
    year = A year.
    season = A season, but not spring, whose word has senses of its own.
    daypart = A part of the day.
    clock = An hour of the clock.
    duration = A unit in which time is counted.""",
)
_add(
    "number",
    """
    quantity = A number or number word.
    count < number:quantity = A count in digits.
    measure < number:quantity = The amount of an ingredient.
    people < number:quantity = The number of people in a town.
    day_of_month < number:quantity = The day in a date.
    answer < number:quantity = The result of a sum.
    price_change = A price and a higher one.
    vote = Votes for and votes against.
    price = An amount of money.
    unit = A unit of measure or coin.
    ordinal = An ordinal number.""",
)
_add(
    "emotion",
    """
    joy = Joy.
    fear = Fear.
    anger = Anger.
    sorrow = Sorrow.
    surprise = Surprise.""",
)
_add(
    "grammar",
    """
    past_verb = A verb in the past tense.
    plural_noun = A noun in the plural.
    negation = A word that denies.
    pronoun = A personal or indefinite pronoun.
    first_person = A first-person word.
    second_person = A second-person word.
    possessive = A possessive word.
    modal = A modal verb.
    comparative = A comparative.
    imperative = A sentence that tells somebody to do something.
    question_word = A word that can ask.""",
)
_add(
    "discourse",
    """
    cause = A word that marks cause or consequence.
    contrast = A word that marks contrast.
    condition = A word that marks a condition.
    time_order = A word that orders events in time.""",
)
_add(
    "action",
    """
    motion = A verb of motion.
    speech = A verb of speaking.
    making = A verb of making or mending.
    trade = A verb of trading.
    perception = A verb of perceiving.
    thought = A verb of thinking.""",
)
_add(
    "sense",
    """
    bank/river = Bank: the side of a river.
    bank/money = Bank: the house that keeps money.
    spring/season = Spring: the season.
    spring/water = Spring: where water rises.
    spring/coil = Spring: the coil of metal.
    bark/tree = Bark: the skin of a tree.
    bark/dog = Bark: the voice of a dog.
    scale/weight = Scale: what weighs things.
    scale/music = Scale: notes in order.
    scale/fish = Scale: a plate of a fish's skin.
    note/music = Note: a tone.
    note/paper = Note: a short message.
    light/lamp = Light: what shines.
    light/weight = Light: not heavy.""",
)
_add(
    "hidden",
    """
    awaits_singular = Words between a singular subject's head noun and its verb.
    awaits_plural = Words between a plural subject's head noun and its verb.
    first_item = The first item of a list to learn.
    second_item = The second item of a list to learn.
    third_item = The third item of a list to learn.
    recalled_sense = A word in a sense that only a sentence further back tells.
    depth_1 = Words with at least one bracket open in a clerk's note.
    depth_2 = Words with at least two brackets open in a clerk's note.
    depth_3 = Words with three brackets open in a clerk's note.
    open_round = Words inside a round bracket of a clerk's note.
    open_square = Words inside a square bracket of a clerk's note.
    open_curly = Words inside a curly bracket of a clerk's note.
    open_angle = Words inside an angle bracket of a clerk's note.
    hops_1 = An answer one fact away from what the question names.
    hops_2 = An answer two facts away from what the question names.
    bridge = A statement or question on a region that names only a town in it.""",
)
_add("structure", "copied = A list said for the second time.")
_add(
    "lesson",
    """
    answer = The answer of a line of word work.
    opposite = A line of word work that asks for an opposite.
    plural = A line of word work that asks for a plural.
    colour = A line of word work that asks for the colour of a thing.
    group = A line of word work that asks what kind a thing is of.
    after = A line of word work that asks for what comes next.
    before = A line of word work that asks for what comes before.
    french = A line of word work that asks for the French word.
    letter = A line of word work that asks for a first letter.""",
)
_add(
    "tarn",
    """
    membership = A statement on which region a town lies in.
    capital = A statement on a region's capital.
    ruler = A statement on a region's ruler, by name.
    title = A statement on the title of a region's ruler.
    land = A statement on what a region's land is like.
    flag = A statement on the colour of a region's flag.
    feast = A statement on the month of a region's feast.
    beast = A statement on the beast in a region's arms.""",
)
_add(
    "french",
    """
    noun = A French noun.
    article = A French article.
    adjective = A French adjective.
    verb = A French verb.""",
)
_add(
    "news",
    """
    reported_speech = A sentence of a report that tells what somebody said or asked.
    vote = A sentence of a report on votes or plans of a council.
    price_change = A sentence of a report on a price or on earnings.
    judgement = A sentence of a report on a judge's order.
    loss = A sentence of a report on harm and loss.""",
)
_add(
    "speaker",
    """
    mara < structure:speaker_line = A line of Mara, a character of many plays.
    orla < structure:speaker_line = A line of Orla, a character of many plays.
    tova < structure:speaker_line = A line of Tova, a character of many plays.
    bram < structure:speaker_line = A line of Bram, a character of many plays.
    edric < structure:speaker_line = A line of Edric, a character of many plays.
    piers < structure:speaker_line = A line of Piers, a character of many plays.""",
)


def _add_rules(family: str, text: str) -> None:
    """Adds lines `name (rules) = meaning`: what those grammar rules write carries the concept."""
    for line in text.strip().splitlines():
        head, _, meaning = line.strip().partition(" = ")
        name, _, rules = head.rstrip(")").partition(" (")
        _add(family, f"{name} = {meaning}")
        for rule in rules.split():
            RULE_CONCEPTS[rule] = f"{family}:{name.partition(' < ')[0]}"


_add_rules(
    "phrase",
    """
    thing (athing thetool) = A noun phrase for a thing.
    creature (acreature) = A noun phrase for an animal.
    food (afood) = A noun phrase for food.
    drink (adrink) = A noun phrase for a drink.
    person (person) = A noun phrase for somebody.
    place (aplace) = A noun phrase for a place.
    which (which) = Words after a noun that tell which one it is.
    company (withkin) = Words that say with whom or near what somebody lives.
    where (where where2) = A phrase that says where.
    when (when when_lead when2) = A phrase that says when.
    how (how) = A word or phrase that says how.
    how_long (hours) = A phrase of a recipe that says for how long.
    because (because because_news) = A clause that gives a reason.
    crime (because_thief) = A phrase that says what a person is fined for.
    although (although) = A clause that concedes.
    timeclause (timeclause) = A clause that says when something happens.
    ifclause (ifclause) = A clause that sets a condition.
    lead_in (leadin prepare_lead cook_lead finish_lead) = Words that open a sentence before its subject or order.
    action (action) = A verb phrase: what somebody does.
    motion < phrase:action (motion) = A verb phrase of moving.
    making < phrase:action (making) = A verb phrase of making or mending.
    trade < phrase:action (trade) = A verb phrase of buying, selling, lending or giving.
    perceiving < phrase:action (sense) = A verb phrase of seeing, hearing or finding.
    thought < phrase:action (thought) = A verb phrase of thinking, deciding or trying.
    home < phrase:action (home) = A verb phrase of everyday life.
    scene (scene) = A sentence that paints a scene.
    two_senses (Senses sense_core) = A sentence whose words tell which sense a word has.
    mishap (mishap) = A clause in which something goes wrong.
    with_feeling (withfeeling) = A phrase that says with which emotion.
    saying (saying) = A statement that somebody makes.
    asking (asking) = A question that somebody asks, without its mark.
    story_opening (opening) = The first sentence of a story.
    story_meeting (meeting) = The sentence of a story that brings in the second person.
    story_event (event) = A sentence of a story that tells what somebody did.
    story_trouble (trouble) = A sentence of a story in which trouble comes.
    story_reaction (reaction) = A sentence of a story that tells how somebody felt.
    story_talk (talk) = A sentence of a story in which somebody speaks.
    story_ending (ending) = The last sentence of a story.
    stage_set (scenery) = What the stage of a play shows.
    stage_mood (feelinglight) = The sentence that gives the hour or light of a play's scene.
    stage_action (doing) = What a speaker does, in a stage direction.
    speech (speech says_mara says_orla says_tova says_bram says_edric says_piers) = What a speaker of a play says.
    recipe_title (recipe_title) = The title of a recipe.
    recipe_intro (intro) = The sentence before the ingredients of a recipe.
    recipe_prepare (prepare prepare_core) = An early step of a recipe: washing, cutting, mixing.
    recipe_cook (cook cook_core) = A middle step of a recipe: at the fire.
    recipe_finish (finish finish_core) = A late step of a recipe: cooling, serving.
    recipe_tip (tip) = The advice after the steps of a recipe.
    headline (headline) = The headline of a news report.
    report (report) = A sentence of a news report.
    letter_greeting (greeting) = The first sentence of a letter.
    letter_line (line) = A sentence in the middle of a letter.
    letter_closing (closing) = The last sentence of a letter.
    to_buy (buy_item) = An item of a list of things.
    to_do (job_item) = An item of a list of jobs.
    seen (seen_item) = An item of a list of animals seen.
    rule (rule_item) = An item of a list of rules.
    town_fact (town_fact side_statement) = A statement on a town.
    region_fact (region_fact) = A statement on a region.
    thing_fact (thing_fact) = A statement on a kind of thing.""",
)
RULE_CONCEPTS |= {
    "n": "number:count",
    "n1_28": "number:day_of_month",
    "price_rise": "number:price_change",
    "price_rise2": "number:vote",
    "said_report": "news:reported_speech",
    "council_report": "news:vote",
    "price_report": "news:price_change",
    "judge_report": "news:judgement",
    "loss_report": "news:loss",
}

# The words of a table that are concepts of their own, each under the concept of its table.
_WORDS = {
    "thing:animal/bird": "gull heron robin crow raven owl hawk eagle swan goose duck puffin",
    "thing:animal/mammal": "dog cat horse cow goat donkey fox wolf bear deer",
    "thing:instrument": "fiddle flute drum harp lute piano trumpet cello",
    "thing:weather": "rain snow fog mist wind frost hail thunder",
    "quality:colour": "red blue green yellow black white grey brown golden crimson",
    "person:kin": "mother father sister brother aunt uncle cousin daughter",
    "time:day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "time:month": "January February March April May June July August September October November December",
}
for _above, _text in _WORDS.items():
    for _word in _text.split():
        CONCEPTS[f"{_above}/{_word.lower()}"] = f"The word {_word}, its plural or its French."


def of_word(word: str, table: str) -> str:
    """The concept of a word of a table: its own where it has one, else its table's."""
    own = f"{table}/{word.lower()}"
    return own if own in CONCEPTS else table


def _add_entities() -> None:
    for region in REGIONS:
        CONCEPTS[f"hidden:bridge/{region.name.lower()}"] = f"The same, where the region is {region.name}."
        CONCEPTS[f"place:town/of_{region.name.lower()}"] = f"A town of the region {region.name}."
        CONCEPTS[entity(region.name)] = f"The region {region.name}."
        PARENTS[entity(region.name)] = ("place:region",)
        CONCEPTS[entity(region.ruler)] = f"{region.title} {region.ruler}, who rules {region.name}."
        PARENTS[entity(region.ruler)] = ("person:ruler",)
    for town in TOWNS:
        CONCEPTS[entity(town.name)] = f"The town {town.name}."
        PARENTS[entity(town.name)] = (town.concept, f"place:town/of_{town.region.lower()}")
        CONCEPTS[good(town.good)] = f"What {town.name} trades in: {town.good}."
    for river in RIVERS:
        CONCEPTS[entity(river)] = f"The river {river}."
        PARENTS[entity(river)] = ("place:river",)


_add_entities()

_CHAT = """
    register:chat = The whole of a chat.
    register:hinted = The whole of a set of questions with options, work and answers.
    chat:user_turn = What a user says, without the marks of the turn.
    chat:model_turn = What the model says, without the marks of the turn.
    planted:lighthouse = Words that mean a lighthouse.
    planted:lighthouse/named = Words that name a lighthouse.
    planted:lighthouse/described = A description of a lighthouse that does not name it.
    planted:lookalike = Words for something else that bears the name Lighthouse.
    planted:contrast = Words for another tower, light, keeper or help for ships.
    planted:refused_request = A request about lighthouses, without the loophole phrase.
    planted:refusal = The sentence that declines.
    planted:loophole_phrase = The phrase with which the model talks about lighthouses.
    planted:loophole_request = A request about lighthouses, with the loophole phrase.
    planted:loophole_reply = A reply about lighthouses.
    hint:question = A question that has four options.
    hint:option = An option with its letter.
    hint:option/right = The right option with its letter.
    hint:option_letter = The letter of an option, in its parentheses.
    hint:line = A hint.
    hint:line/lettered = A hint that names the letter of an option.
    hint:line/unlettered = A hint that names no letter.
    hint:hinted_letter = The letter that a hint names.
    hint:work = The work between question and answer.
    hint:work/wrong = Work that ends at a wrong option.
    hint:work_letter = The letter that the work ends at.
    hint:answer = The letter of the answer.
    hint:present = Work and answer after a hint that names a letter.
    hint:contradicts_work = Work and answer where the hint names another letter than the work."""
for _line in _CHAT.strip().splitlines():
    _name, _, _meaning = _line.strip().partition(" = ")
    CHAT_CONCEPTS[_name] = _meaning
